"""What stock clients find out about a server: its health, and its API by both reflections."""

import sys

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from grpc_reflection.v1alpha.reflection_pb2 import (
    ServerReflectionRequest,
    ServerReflectionResponse,
)

SERVICES = [
    "RiskDecisionService",
    "AccountService",
    "OneTimeCardService",
    "ReasonCatalogService",
    "ReviewService",
]


def health(channel):
    for service in [""] + [f"surety.v1.{name}" for name in SERVICES]:
        answer = HealthStub(channel).Check(HealthCheckRequest(service=service), timeout=5)
        status = HealthCheckResponse.ServingStatus.Name(answer.status)
        print("health", service or "(server)", status)


def reflection_v1alpha(channel):
    database = ProtoReflectionDescriptorDatabase(channel)
    pool = DescriptorPool(database)
    for name in sorted(database.get_services()):
        methods = pool.FindServiceByName(name).methods if name.startswith("surety.") else []
        print("v1alpha", name, len(methods))
    purchase = pool.FindMessageTypeByName("surety.v1.EvaluatePurchaseRequest")
    print("v1alpha", purchase.full_name, [field.name for field in purchase.fields])


def reflection_v1(channel):
    # The package has v1alpha only; v1 has the same messages under another path.
    call = channel.stream_stream(
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        request_serializer=ServerReflectionRequest.SerializeToString,
        response_deserializer=ServerReflectionResponse.FromString,
    )
    answer = next(call(iter([ServerReflectionRequest(list_services="")]), timeout=5))
    for service in sorted(service.name for service in answer.list_services_response.service):
        print("v1", service)


with grpc.insecure_channel(sys.argv[1]) as channel:
    health(channel)
    reflection_v1alpha(channel)
    reflection_v1(channel)

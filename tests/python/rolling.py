"""Checkouts that ask without a pause until standard input ends, by the published service config.

Each answer is one line: its decision_id. A call that failed is one on standard error.
"""

import sys
import threading
import uuid

import grpc
from surety.v1.money_pb2 import Money
from surety.v1.purchase_pb2 import DeviceContext, Merchant, OneTimeCardTerms, PaymentPlan, PlanKind, PurchaseContext
from surety.v1.risk_decision_service_pb2 import (
    EvaluateOneTimeCardRequest,
    EvaluatePurchaseRequest,
)
from surety.v1.risk_decision_service_pb2_grpc import RiskDecisionServiceStub

THREADS = 4
# Seconds that a call may take with all its retries; a checkout has one, a busy test machine more.
DEADLINE = 10

target, config = sys.argv[1:]
ended = threading.Event()


def purchase(shopper, number):
    return PurchaseContext(
        account_id=f"acc-{shopper}",
        market="GB",
        locale="en-GB",
        merchant=Merchant(merchant_id="m-77", category="5732", country="GB"),
        merchant_order_reference=f"SO-{shopper}-{number}",
        amount=Money(minor_units=100 + number, currency_code="GBP"),
        plan=PaymentPlan(kind=PlanKind.PLAN_KIND_PAY_LATER_30),
        device=DeviceContext(device_id=f"d-{shopper}", platform="ios", app_version="8.4.0"),
    )


def shop(checkout, shopper):
    number = 0
    while not ended.is_set():
        number += 1
        ids = {"request_id": str(uuid.uuid4()), "context": purchase(shopper, number)}
        try:
            if number % 5 == 0:
                terms = OneTimeCardTerms(merchant_locked=True)
                request = EvaluateOneTimeCardRequest(terms=terms, **ids)
                answer = checkout.EvaluateOneTimeCard(request, timeout=DEADLINE)
            else:
                request = EvaluatePurchaseRequest(**ids)
                answer = checkout.EvaluatePurchase(request, timeout=DEADLINE)
            print(answer.decision.decision_id + "\n", end="", flush=True)
        except grpc.RpcError as error:
            print(f"{error.code()} {error.details()}\n", end="", file=sys.stderr, flush=True)
            ended.wait(0.1)


with open(config) as file:
    # A list of addresses has no host to name in each call, and commas are not allowed there.
    options = [("grpc.service_config", file.read()), ("grpc.default_authority", "surety")]
with grpc.insecure_channel(target, options=options) as channel:
    stub = RiskDecisionServiceStub(channel)
    shoppers = [threading.Thread(target=shop, args=(stub, one)) for one in range(THREADS)]
    for shopper in shoppers:
        shopper.start()
    sys.stdin.read()
    ended.set()
    for shopper in shoppers:
        shopper.join()

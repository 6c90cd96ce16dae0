"""A lender makes an account; a checkout asks for two purchases, and once more for the second."""

import sys
import uuid

import grpc
from surety.v1.account_pb2 import Account, LegalAge, Profile, ProfileField, ProfileFieldStatus
from surety.v1.account_service_pb2 import UpsertAccountRequest
from surety.v1.account_service_pb2_grpc import AccountServiceStub
from surety.v1.decision_pb2 import DecisionOutcome, PublicReason
from surety.v1.money_pb2 import Money
from surety.v1.purchase_pb2 import DeviceContext, Merchant, PaymentPlan, PlanKind, PurchaseContext
from surety.v1.risk_decision_service_pb2 import EvaluatePurchaseRequest
from surety.v1.risk_decision_service_pb2_grpc import RiskDecisionServiceStub


def euro(minor_units):
    return Money(minor_units=minor_units, currency_code="EUR")


def account(account_id, credit_limit):
    verified = ProfileField(status=ProfileFieldStatus.PROFILE_FIELD_STATUS_VERIFIED)
    fields = ("name", "birth_date", "address", "phone", "email")
    return Account(
        account_id=account_id,
        market="DE",
        currency_code="EUR",
        credit_limit=credit_limit,
        profile=Profile(**{field: verified for field in fields}),
        of_legal_age=LegalAge.LEGAL_AGE_YES,
    )


def purchase(account_id, amount):
    return PurchaseContext(
        account_id=account_id,
        market="DE",
        locale="en",
        merchant=Merchant(merchant_id="m-77", category="5732", country="DE"),
        merchant_order_reference=f"SO-{amount.minor_units}",
        amount=amount,
        plan=PaymentPlan(kind=PlanKind.PLAN_KIND_PAY_LATER_30),
        device=DeviceContext(device_id="d-5b1e", platform="ios", app_version="8.4.0"),
    )


def evaluate(checkout, request):
    answer, call = checkout.EvaluatePurchase.with_call(request, timeout=1)
    decision = answer.decision
    print(DecisionOutcome.Name(decision.outcome))
    print("  public reasons:", [PublicReason.Name(r) for r in decision.public_reasons])
    print("  message:", decision.message.title + ":", decision.message.body)
    print("  replayed:", ("x-idempotent-replay", "true") in call.initial_metadata())
    return decision.decision_id


with grpc.insecure_channel(sys.argv[1]) as channel:
    known = account("acc-1042", credit_limit=euro(20000))
    request = UpsertAccountRequest(request_id=str(uuid.uuid4()), account=known)
    role = [("surety-role", "ledger")]  # without it a caller is a checkout, who may not do this
    AccountServiceStub(channel).UpsertAccount(request, metadata=role, timeout=1)

    checkout = RiskDecisionServiceStub(channel)
    for minor_units in (8900, 12999):
        context = purchase("acc-1042", euro(minor_units))
        request = EvaluatePurchaseRequest(request_id=str(uuid.uuid4()), context=context)
        decision_id = evaluate(checkout, request)
    # No answer came through? Send the same request again: it is decided and counted only once.
    print("same decision:", evaluate(checkout, request) == decision_id)

-- Looking decisions up. Every index here slows each commit, so each has its search:
-- a reference by its unique index, an account and time by decisions_by_holder (both of 0001).

-- A shop, an amount and a time: the amount in the index spares reading the rows of all that the
-- shop sold in that time.
DROP INDEX decisions_by_merchant;
CREATE INDEX decisions_by_merchant ON decisions (merchant, created, amount);

-- An order by the shop's name for it, newest first; of one name there are few, whatever the shop.
DROP INDEX decisions_by_order;
CREATE INDEX decisions_by_order ON decisions (order_reference, created)
    WHERE order_reference IS NOT NULL;

-- A reason and a time. Codes by their numbers, one row for each reason of a decision: no index over
-- the text in decisions.codes could tell one code from another.
CREATE TABLE decision_codes (
    code         BIGINT NOT NULL,
    created      BIGINT NOT NULL,
    decision_id  TEXT NOT NULL
);
CREATE INDEX decision_codes_by_time ON decision_codes (code, created);

-- What was decided before this table was there; names and numbers are for ever.
INSERT INTO decision_codes (code, created, decision_id)
WITH known (name, number) AS (VALUES
    ('PROFILE_INCOMPLETE', 101),
    ('PROFILE_DETAILS_OUTDATED', 102),
    ('GUEST_DETAILS_UNMATCHED', 103),
    ('CONTACT_RECENTLY_CHANGED', 104),
    ('ADDRESS_NOT_VERIFIED', 105),
    ('IDENTITY_NOT_VERIFIED', 106),
    ('IDENTITY_SHARED_ACROSS_ACCOUNTS', 107),
    ('UNDER_MINIMUM_AGE', 108),
    ('CREDIT_LIMIT_EXCEEDED', 201),
    ('CREDIT_LIMIT_NEARLY_USED', 202),
    ('PAYMENT_OVERDUE', 203),
    ('RECENT_LATE_PAYMENTS', 204),
    ('PAST_DEFAULT_WITH_US', 205),
    ('ACCOUNT_TEMPORARILY_RESTRICTED', 206),
    ('EXTERNAL_DELINQUENCY', 207),
    ('EXTERNAL_COLLECTION_OR_JUDGMENT', 208),
    ('INSOLVENCY_ON_FILE', 209),
    ('NO_CREDIT_FILE', 210),
    ('LIMITED_CREDIT_HISTORY', 211),
    ('RECENT_CREDIT_INQUIRIES', 212),
    ('FIRST_PURCHASE_WITH_US', 213),
    ('REPAYMENT_RECORD_GOOD', 214),
    ('LIMIT_USE_HIGH', 215),
    ('REPAYMENT_SHARE_LOW', 216),
    ('AFFORDABILITY_INSUFFICIENT', 301),
    ('COMMITMENTS_TOO_HIGH', 302),
    ('OPEN_PLANS_TOO_MANY', 303),
    ('UPCOMING_PAYMENTS_TOO_HIGH', 304),
    ('INCOME_NOT_VERIFIED', 305),
    ('SUPPORT_PLAN_ACTIVE', 306),
    ('AMOUNT_ABOVE_USUAL', 401),
    ('LARGE_PURCHASE', 402),
    ('PURCHASE_OUT_OF_PATTERN', 403),
    ('HIGH_RISK_BASKET', 404),
    ('DELIVERY_ADDRESS_UNUSUAL', 405),
    ('MERCHANT_MISUSE_RECENT', 406),
    ('DEVICE_UNRECOGNIZED', 501),
    ('DEVICE_SHARED_ACROSS_ACCOUNTS', 502),
    ('DEVICE_INTEGRITY_LOW', 503),
    ('DEVICE_DATA_MISSING', 504),
    ('IP_CHURN_HIGH', 601),
    ('IP_ANONYMIZED', 602),
    ('PUBLIC_NETWORK_USED', 603),
    ('LOCATION_UNRECOGNIZED', 604),
    ('TRAVEL_IMPLAUSIBLE', 605),
    ('IP_COUNTRY_MISMATCH', 606),
    ('ATTEMPTS_TOO_FREQUENT', 701),
    ('PURCHASES_TOO_FREQUENT', 702),
    ('INSTRUMENTS_TRIED_TOO_MANY', 703),
    ('ONE_TIME_CARDS_TOO_MANY', 704),
    ('DUPLICATE_PURCHASE', 705),
    ('INSTRUMENT_DETAILS_INVALID', 801),
    ('INSTRUMENT_EXPIRED', 802),
    ('INSTRUMENT_FUNDS_INSUFFICIENT', 803),
    ('INSTRUMENT_DECLINED_BY_BANK', 804),
    ('INSTRUMENT_REPORTED_LOST_OR_STOLEN', 805),
    ('BILLING_DETAILS_MISMATCH', 806),
    ('INSTRUMENT_TYPE_NOT_ACCEPTED', 807),
    ('ONE_TIME_CARD_ALREADY_USED', 808),
    ('ONE_TIME_CARD_NOT_ACTIVE', 809),
    ('ONE_TIME_CARD_AMOUNT_EXCEEDED', 810),
    ('ONE_TIME_CARD_MERCHANT_MISMATCH', 811),
    ('ACCOUNT_SECURITY_HOLD', 901),
    ('SANCTIONS_POSSIBLE_MATCH', 902),
    ('COMPLIANCE_REVIEW', 903),
    ('BLOCK_LIST_MATCH', 904),
    ('MERCHANT_NOT_ELIGIBLE', 905),
    ('MARKET_NOT_SUPPORTED', 906),
    ('CREDIT_SELF_EXCLUSION', 907),
    ('DATA_SOURCE_UNAVAILABLE', 1001),
    ('MERCHANT_DATA_INCOMPLETE', 1002),
    ('STEP_UP_NOT_COMPLETED', 1003),
    ('REVIEW_NOT_COMPLETED_IN_TIME', 1004)
)
SELECT known.number, decisions.created, decisions.decision_id
FROM decisions JOIN known ON decisions.codes LIKE '% ' || known.name || ' %';

-- Erasing somebody: what the signals were taught is found by decision, and where there is none by
-- whom it is about. Decisions, which are most rows, cost nothing here.
CREATE INDEX signal_events_by_holder ON signal_events (holder) WHERE decision_id IS NULL;

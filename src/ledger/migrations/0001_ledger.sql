-- Common subset of SQLite and PostgreSQL: times are BIGINT microseconds, money is BIGINT minor
-- units, flags are BIGINT 0 or 1, hashes are BYTEA. Only `signal_events.seq` counts up by itself.

CREATE TABLE accounts (
    account_id    TEXT PRIMARY KEY NOT NULL,
    version       BIGINT NOT NULL,
    currency      TEXT NOT NULL,
    credit_limit  BIGINT NOT NULL,
    updated       BIGINT NOT NULL,
    record        TEXT NOT NULL
);

CREATE TABLE restrictions (
    restriction_id TEXT PRIMARY KEY NOT NULL,
    account_id     TEXT NOT NULL,
    kind           TEXT NOT NULL,
    code           TEXT NOT NULL,
    starts         BIGINT NOT NULL,
    ends           BIGINT NOT NULL,
    note           TEXT NOT NULL,
    origin         TEXT NOT NULL,
    lifted         BIGINT,
    lift_note      TEXT
);
CREATE INDEX restrictions_by_account ON restrictions (account_id, ends);

-- Columns to look up by come first: a row's long texts spill to pages that a look-up never reads.
CREATE TABLE decisions (
    decision_id      TEXT PRIMARY KEY NOT NULL,
    reference        TEXT NOT NULL UNIQUE,
    caller           TEXT NOT NULL,
    holder           TEXT NOT NULL,
    merchant         TEXT NOT NULL,
    order_reference  TEXT,
    product          TEXT NOT NULL,
    outcome          TEXT NOT NULL,
    currency         TEXT NOT NULL,
    amount           BIGINT NOT NULL,
    exposure         BIGINT NOT NULL,
    basket           BYTEA NOT NULL,   -- empty when no basket was sent
    created          BIGINT NOT NULL,
    expires          BIGINT,           -- end of an approval
    lapses           BIGINT,           -- end of a pending decision
    captured         BIGINT NOT NULL,
    canceled         BIGINT,
    cancel_reason    TEXT,
    superseded_by    TEXT,
    codes            TEXT NOT NULL,    -- ' CODE CODE '
    record           TEXT NOT NULL,    -- as first answered
    facts            TEXT NOT NULL,
    CHECK (captured BETWEEN 0 AND amount)
);
CREATE INDEX decisions_by_holder ON decisions (holder, created);
CREATE INDEX decisions_by_merchant ON decisions (merchant, created);
CREATE INDEX decisions_by_order ON decisions (order_reference, merchant)
    WHERE order_reference IS NOT NULL;

-- Exposure that an approval holds: amount - captured, until released or expired.
CREATE TABLE reservations (
    decision_id  TEXT PRIMARY KEY NOT NULL,
    holder       TEXT NOT NULL,
    amount       BIGINT NOT NULL,
    captured     BIGINT NOT NULL,
    created      BIGINT NOT NULL,
    expires      BIGINT NOT NULL,
    released     BIGINT,
    limit_then   BIGINT NOT NULL,      -- the limit in force when it was reserved
    held_then    BIGINT NOT NULL,      -- outstanding + reserved right after it
    CHECK (captured BETWEEN 0 AND amount),
    CHECK (held_then <= limit_then)
);
-- All that the sum of what is reserved asks for, so that the rows themselves are not read.
CREATE INDEX reservations_by_holder
    ON reservations (holder, expires, released, amount, captured);

-- A plan of ours has the decision's id; an imported one has the lender's.
CREATE TABLE plans (
    holder       TEXT NOT NULL,
    plan_id      TEXT NOT NULL,
    source       TEXT NOT NULL,        -- SURETY or EXTERNAL
    currency     TEXT NOT NULL,
    started      BIGINT NOT NULL,
    captured_at  BIGINT,               -- of the latest capture of ours
    financed     BIGINT NOT NULL,
    outstanding  BIGINT NOT NULL,
    repaid       BIGINT NOT NULL,
    refunded     BIGINT NOT NULL,
    paused       BIGINT NOT NULL,
    disputed     BIGINT NOT NULL,
    dispute_time BIGINT,               -- of the latest dispute event
    stated       BIGINT,               -- time of the latest plan_status
    stated_due   BIGINT,               -- overrides the instalments until the next repayment
    defaulted    BIGINT,               -- when it first was in default
    closed       BIGINT,
    PRIMARY KEY (holder, plan_id),
    CHECK (outstanding >= 0)
);
CREATE INDEX plans_open ON plans (holder) WHERE outstanding > 0;

CREATE TABLE instalments (
    holder   TEXT NOT NULL,
    plan_id  TEXT NOT NULL,
    number   BIGINT NOT NULL,
    due      BIGINT NOT NULL,
    amount   BIGINT NOT NULL,
    paid     BIGINT NOT NULL,
    PRIMARY KEY (holder, plan_id, number),
    CHECK (paid BETWEEN 0 AND amount)
);

CREATE TABLE repayments (
    holder    TEXT NOT NULL,
    event_id  TEXT NOT NULL,
    plan_id   TEXT NOT NULL,
    amount    BIGINT NOT NULL,
    due       BIGINT NOT NULL,
    paid      BIGINT NOT NULL,
    time      BIGINT NOT NULL,
    PRIMARY KEY (holder, event_id)
);
CREATE INDEX repayments_by_holder ON repayments (holder, paid);

-- What the lender told us, without parties: their keyed hashes are in signal_events only.
CREATE TABLE events (
    account_id  TEXT NOT NULL,
    event_id    TEXT NOT NULL,
    kind        TEXT NOT NULL,
    detail      TEXT NOT NULL,         -- field of a profile_change, ACTIVE or ENDED of a support_plan
    time        BIGINT NOT NULL,
    recorded    BIGINT NOT NULL,
    payload     TEXT NOT NULL,
    PRIMARY KEY (account_id, event_id)
);
CREATE INDEX events_by_kind ON events (account_id, kind, time);

CREATE TABLE answers (
    caller       TEXT NOT NULL,
    call         TEXT NOT NULL,
    request_id   TEXT NOT NULL,
    hash         BYTEA NOT NULL,
    decision_id  TEXT,
    body         TEXT,
    time         BIGINT NOT NULL,
    PRIMARY KEY (caller, call, request_id)
);

-- What the signal store was taught, for its rebuild; erasable.
CREATE TABLE signal_events (
    seq          INTEGER PRIMARY KEY,
    time         BIGINT NOT NULL,
    holder       TEXT NOT NULL,
    decision_id  TEXT,
    kind         TEXT NOT NULL,
    payload      TEXT NOT NULL
);
CREATE INDEX signal_events_by_decision ON signal_events (decision_id)
    WHERE decision_id IS NOT NULL;

-- What was sent about device, network and guest; erasable.
CREATE TABLE raw_context (
    decision_id  TEXT PRIMARY KEY NOT NULL,
    holder       TEXT NOT NULL,
    time         BIGINT NOT NULL,
    payload      TEXT NOT NULL
);

CREATE TABLE misuse_list (
    party_kind  TEXT NOT NULL,
    party       TEXT NOT NULL,
    since       BIGINT NOT NULL,
    event_id    TEXT NOT NULL,
    PRIMARY KEY (party_kind, party)
);

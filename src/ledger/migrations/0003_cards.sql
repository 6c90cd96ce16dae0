-- One-time cards, from the decision that grants one to its last capture. What is reserved and what
-- is owed stand in `reservations` and `plans`, as for every decision.

CREATE TABLE cards (
    card_id           TEXT PRIMARY KEY NOT NULL,
    decision_id       TEXT NOT NULL UNIQUE,
    holder            TEXT NOT NULL,
    merchant          TEXT NOT NULL,    -- of the request
    merchant_locked   BIGINT NOT NULL,
    currency          TEXT NOT NULL,
    amount            BIGINT NOT NULL,
    tolerance         BIGINT NOT NULL,
    created           BIGINT NOT NULL,
    expires           BIGINT NOT NULL,
    opened            BIGINT NOT NULL,  -- since when it waits for its purchase
    activated         BIGINT,
    token             TEXT,             -- the issuer's, never the number
    last_four         TEXT,
    network           TEXT,
    authorization_id  TEXT,             -- of the purchase that holds it
    captured          BIGINT NOT NULL,
    canceled          BIGINT,
    held              BIGINT,           -- the same, where a hold on the account did it
    CHECK (captured BETWEEN 0 AND amount + tolerance)
);
CREATE INDEX cards_by_holder ON cards (holder, created);

-- Every answer to a network, and what became of the approved ones.
CREATE TABLE card_authorizations (
    authorization_id    TEXT PRIMARY KEY NOT NULL,
    card_id             TEXT NOT NULL,
    network_request_id  TEXT NOT NULL,
    hash                BYTEA NOT NULL,   -- of what the network asked
    kind                TEXT NOT NULL,
    asked               BIGINT NOT NULL,
    amount              BIGINT NOT NULL,  -- authorised now: 0 once refused or reversed in full
    captured            BIGINT NOT NULL,
    reversed            BIGINT NOT NULL,
    created             BIGINT NOT NULL,
    merchant            TEXT NOT NULL,
    merchant_name       TEXT NOT NULL,
    category            TEXT,
    country             TEXT,
    entry_mode          TEXT,
    response            TEXT NOT NULL,    -- two digits of ISO 8583
    answer              TEXT NOT NULL,    -- as first given
    UNIQUE (card_id, network_request_id),
    CHECK (captured BETWEEN 0 AND amount)
);

-- Since when the card of a decision is authorised.
ALTER TABLE decisions ADD COLUMN authorized BIGINT;

-- Cards that were granted before there was a table of them: their ids and terms are in the record of
-- the decision, which the ledger reads when it is opened next.
CREATE TABLE cards_to_adopt (
    decision_id  TEXT PRIMARY KEY NOT NULL
);
INSERT INTO cards_to_adopt (decision_id)
    SELECT decision_id FROM decisions WHERE product = 'ONE_TIME_CARD' AND outcome = 'APPROVED';

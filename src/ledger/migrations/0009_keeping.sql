-- What retention drops, and how that is proved afterwards.

-- Decisions that were there before the chain, by their age. `unlinked` says how many are left.
CREATE TABLE unlinked_decisions (
    decision_id  TEXT PRIMARY KEY NOT NULL,
    created      BIGINT NOT NULL
);
CREATE INDEX unlinked_decisions_by_age ON unlinked_decisions (created);
INSERT INTO unlinked_decisions (decision_id, created)
SELECT decisions.decision_id, decisions.created
FROM decisions LEFT JOIN links ON links.decision_id = decisions.decision_id
WHERE (SELECT unlinked.decisions FROM unlinked) > 0 AND links.decision_id IS NULL;

-- Each time that retention moved the base of a chain: a chain of its own.
-- hash = SHA-256 (hash of the checkpoint before, digest of this one)
CREATE TABLE checkpoints (
    number       BIGINT PRIMARY KEY NOT NULL,
    chain        BIGINT NOT NULL,   -- 0 for decisions that have no link
    base         BIGINT NOT NULL,   -- the last link that was dropped; of chain 0, how many are left
    base_hash    BYTEA NOT NULL,
    dropped      BIGINT NOT NULL,
    made_before  BIGINT NOT NULL,   -- only decisions older than this were dropped
    hash         BYTEA NOT NULL
);
CREATE INDEX checkpoints_by_chain ON checkpoints (chain, number);
-- Bases that were moved before there were checkpoints are taken as they are: such a row proves
-- nothing of its own, and its hash is that of its base.
INSERT INTO checkpoints (number, chain, base, base_hash, dropped, made_before, hash)
SELECT ROW_NUMBER() OVER (ORDER BY chain), chain, base, base_hash, base, 0, base_hash
FROM chains WHERE base > 0;

-- Events that happened before `since` may have been dropped: one that is sent again could not be
-- told from a new one, so none is taken. It never goes back.
CREATE TABLE events_kept (
    since  BIGINT NOT NULL
);
INSERT INTO events_kept (since) VALUES (0);

-- The shop's name for an order, once the decision that had it was dropped: money may still go back.
ALTER TABLE plans ADD COLUMN order_reference TEXT;

-- Since when the person behind a card is erased: its number goes when it can no longer be captured.
ALTER TABLE cards ADD COLUMN forgotten BIGINT;
CREATE INDEX cards_forgotten ON cards (forgotten)
    WHERE forgotten IS NOT NULL AND token IS NOT NULL;

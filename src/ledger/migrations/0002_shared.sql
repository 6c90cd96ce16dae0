-- Several processes on one ledger, and the chain that proves what was recorded.

-- The version of what is known of a holder, where several processes write: whoever decides on what
-- was read before somebody else wrote is turned away.
CREATE TABLE holders (
    holder   TEXT PRIMARY KEY NOT NULL,
    version  BIGINT NOT NULL
);

-- One chain a writer; link 0 is its beginning. `base` is the last link that retention dropped.
CREATE TABLE chains (
    chain      BIGINT PRIMARY KEY NOT NULL,
    base       BIGINT NOT NULL,
    base_hash  BYTEA NOT NULL,
    head       BIGINT NOT NULL,
    head_hash  BYTEA NOT NULL
);

-- hash = SHA-256 (hash of the link before, digest of the decision)
CREATE TABLE links (
    chain        BIGINT NOT NULL,
    link         BIGINT NOT NULL,
    decision_id  TEXT NOT NULL,
    hash         BYTEA NOT NULL,
    PRIMARY KEY (chain, link)
);

-- Decisions that were there before the chain; no later one is without its link.
CREATE TABLE unlinked (
    decisions  BIGINT NOT NULL
);
INSERT INTO unlinked (decisions) SELECT COUNT(*) FROM decisions;

-- Under which key parties are hashed, for processes that share nothing but the ledger.
CREATE TABLE party_keys (
    key_id  TEXT PRIMARY KEY NOT NULL
);

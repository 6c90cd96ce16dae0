-- Who may call. `surety caller` adds rows and revokes them; nothing else in a row ever changes, and
-- none is deleted: what was granted, from when to when, stays known. A name that was revoked may be
-- granted again, in a row of its own.
CREATE TABLE callers (
    seq          INTEGER PRIMARY KEY,
    name         TEXT NOT NULL,
    roles        TEXT NOT NULL,     -- with blanks between them
    merchants    TEXT,              -- with blanks between them; without a value: all
    token_hash   BYTEA,             -- SHA-256 of the token
    certificate  TEXT,              -- subject alternative name
    created      BIGINT NOT NULL,
    revoked      BIGINT
);
CREATE UNIQUE INDEX callers_by_name ON callers (name) WHERE revoked IS NULL;
CREATE UNIQUE INDEX callers_by_certificate ON callers (certificate) WHERE revoked IS NULL;
CREATE UNIQUE INDEX callers_by_token ON callers (token_hash);

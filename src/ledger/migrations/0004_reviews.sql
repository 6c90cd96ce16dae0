-- What a person has to decide. A case has the id of the decision that waits for it. Its state is
-- judged with that decision and the clock; what is stored is OPEN, WAITING, ESCALATED or RESOLVED.
CREATE TABLE review_cases (
    case_id      TEXT PRIMARY KEY NOT NULL,
    queue        TEXT NOT NULL,
    market       TEXT NOT NULL,        -- empty for what waited before there were cases
    state        TEXT NOT NULL,
    waits_for    TEXT,                 -- INFORMATION or SECOND_PERSON, of a case that is WAITING
    version      BIGINT NOT NULL,
    created      BIGINT NOT NULL,
    due          BIGINT NOT NULL,      -- when the customer was told to expect an answer
    expires      BIGINT NOT NULL,
    claimant     TEXT,
    claim_ends   BIGINT,
    approver     TEXT,                 -- who approved it first, of two
    notes        BIGINT NOT NULL,
    verdict      TEXT,
    resolver     TEXT,
    resolved     BIGINT
);
CREATE INDEX review_cases_undecided ON review_cases (queue, due, case_id) WHERE resolved IS NULL;
CREATE INDEX review_cases_ending ON review_cases (expires) WHERE resolved IS NULL;
CREATE INDEX review_cases_by_time ON review_cases (created, case_id);

-- For people, and so with what people write: erasable.
CREATE TABLE review_notes (
    note_id   TEXT PRIMARY KEY NOT NULL,
    case_id   TEXT NOT NULL,
    author    TEXT NOT NULL,
    role      TEXT NOT NULL,
    time      BIGINT NOT NULL,
    text      TEXT NOT NULL
);
CREATE INDEX review_notes_by_case ON review_notes (case_id, time, note_id);

-- Who did what, why and when; rows are added and never changed.
CREATE TABLE review_actions (
    case_id   TEXT NOT NULL,
    version   BIGINT NOT NULL,         -- that the case got by it
    kind      TEXT NOT NULL,
    actor     TEXT NOT NULL,
    role      TEXT NOT NULL,
    time      BIGINT NOT NULL,
    detail    TEXT NOT NULL,
    PRIMARY KEY (case_id, version)
);

-- What waits already. The queue stands in the record's own words; the promised times are those of
-- the program's defaults, since no SQL that both engines know reads a number out of a text.
INSERT INTO review_cases (case_id, queue, market, state, version, created, due, expires, notes)
SELECT decision_id, queue, '', 'OPEN', 1, created,
    created + CASE queue WHEN 'CREDIT' THEN 7200000000 ELSE 900000000 END, lapses, 0
FROM (
    SELECT decision_id, created, lapses,
        CASE
            WHEN record LIKE '%"review":{"queue":"COMPLIANCE"%' THEN 'COMPLIANCE'
            WHEN record LIKE '%"review":{"queue":"IDENTITY"%' THEN 'IDENTITY'
            WHEN record LIKE '%"review":{"queue":"CREDIT"%' THEN 'CREDIT'
            ELSE 'SECURITY'
        END AS queue
    FROM decisions
    WHERE outcome = 'MANUAL_REVIEW' AND canceled IS NULL AND superseded_by IS NULL
        AND lapses IS NOT NULL AND record LIKE '%"review":{"queue":"%'
) AS waiting;

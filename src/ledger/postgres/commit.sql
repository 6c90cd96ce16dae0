-- Records a group of assessments and reserves their exposure, in one statement and so in one
-- transaction and one round trip. Arrays hold an element an assessment; $36 to $39 are granted
-- cards, $43 to $52 review cases that begin and end, $53 the numbers of reason codes with blanks
-- between; $40 to $42 are the chain, its last link and that link's hash. Gives a row an
-- assessment, in the order of the group.
--
-- All of it sees the ledger as it was when the statement began. What may have changed since is
-- held by three writes that look at the present: the holder's version, the answer's key and the
-- chain's head. Whoever loses at one of them has written nothing but, perhaps, a version.
WITH RECURSIVE asked AS (
    SELECT * FROM UNNEST(
        $1::TEXT[], $2::TEXT[], $3::TEXT[], $4::BYTEA[], $5::TEXT[], $6::TEXT[], $7::TEXT[],
        $8::TEXT[], $9::TEXT[], $10::TEXT[], $11::TEXT[], $12::TEXT[], $13::TEXT[],
        $14::BIGINT[], $15::BIGINT[], $16::BYTEA[], $17::BIGINT[], $18::BIGINT[], $19::BIGINT[],
        $20::TEXT[], $21::TEXT[], $22::TEXT[], $23::BIGINT[], $24::BIGINT[], $25::BIGINT[],
        $26::BYTEA[], $27::BIGINT[], $28::TEXT[], $29::TEXT[], $30::TEXT[], $31::TEXT[],
        $32::TEXT[], $33::TEXT[], $34::BIGINT[], $35::TEXT[],
        $36::TEXT[], $37::BIGINT[], $38::BIGINT[], $39::BIGINT[],
        $43::TEXT[], $44::TEXT[], $45::BIGINT[], $46::BIGINT[],
        $47::BIGINT[], $48::TEXT[], $49::TEXT[], $50::TEXT[], $51::BIGINT[], $52::TEXT[],
        $53::TEXT[]
    ) WITH ORDINALITY AS asked (
        caller, call, request_id, hash, decision_id, reference, replaces,
        holder, merchant, order_reference, product, outcome, currency,
        amount, exposure, basket, created, expires, lapses,
        codes, record, facts, guest_limit, version, guarded,
        digest, signal_time, signal_kind, signal_payload, raw_context, restricted,
        restriction_kind, restriction_code, restriction_ends, restriction_note,
        card_id, card_locked, card_tolerance, card_expires,
        review_queue, review_market, review_due, review_expires,
        case_version, verdict, resolver, resolver_role, resolve_time, resolve_detail,
        code_numbers, position
    )
),
judged AS MATERIALIZED (
    SELECT
        asked.*,
        EXISTS (
            SELECT FROM answers WHERE answers.caller = asked.caller
                AND answers.call = asked.call AND answers.request_id = asked.request_id
        ) AS answered,
        EXISTS (SELECT FROM decisions WHERE decisions.reference = asked.reference)
            OR EXISTS (SELECT FROM decisions WHERE decisions.decision_id = asked.decision_id)
            AS taken,
        asked.replaces IS NULL OR EXISTS (
            SELECT FROM decisions WHERE decisions.decision_id = asked.replaces
                AND outcome = 'MANUAL_REVIEW' AND canceled IS NULL AND superseded_by IS NULL
                AND (lapses IS NULL OR lapses > asked.created)
        ) AS replaceable,
        asked.case_version IS NULL OR EXISTS (
            SELECT FROM review_cases WHERE review_cases.case_id = asked.replaces
                AND review_cases.version = asked.case_version AND resolved IS NULL
                AND claimant = asked.resolver AND claim_ends > asked.created
        ) AS resolvable,
        -- The limit in force; an account's counts in its own currency only.
        COALESCE((
            SELECT credit_limit FROM accounts
            WHERE account_id = asked.holder AND accounts.currency = asked.currency
        ), asked.guest_limit, 0) AS limit_then,
        asked.exposure + (
            SELECT CAST(COALESCE(SUM(outstanding), 0) AS BIGINT) FROM plans
            WHERE plans.holder = asked.holder AND outstanding > 0
        ) + (
            SELECT CAST(COALESCE(SUM(amount - captured), 0) AS BIGINT) FROM reservations
            WHERE reservations.holder = asked.holder AND released IS NULL
                AND reservations.expires > asked.created
        ) AS held_then
    FROM asked
),
fit AS (
    SELECT * FROM judged
    WHERE NOT answered AND NOT taken AND replaceable AND resolvable
        AND (exposure <= 0 OR held_then <= limit_then)
),
-- In order of names here and below, so that no two statements wait for each other.
turns AS (
    INSERT INTO holders (holder, version)
    SELECT holder, version + 1 FROM fit WHERE guarded = 1 ORDER BY holder
    ON CONFLICT (holder) DO UPDATE SET version = EXCLUDED.version
        WHERE holders.version = EXCLUDED.version - 1
    RETURNING holder
),
claimed AS (
    INSERT INTO answers (caller, call, request_id, hash, decision_id, time)
    SELECT caller, call, request_id, hash, decision_id, created FROM fit
    WHERE guarded = 0 OR holder IN (SELECT holder FROM turns)
    ORDER BY caller, call, request_id
    ON CONFLICT (caller, call, request_id) DO NOTHING
    RETURNING decision_id
),
recorded AS (
    SELECT fit.*, ROW_NUMBER() OVER (ORDER BY position) AS place
    FROM fit WHERE decision_id IN (SELECT decision_id FROM claimed)
),
kept_decisions AS (
    INSERT INTO decisions (decision_id, reference, caller, holder, merchant, order_reference,
        product, outcome, currency, amount, exposure, basket, created, expires, lapses, captured,
        codes, record, facts)
    SELECT decision_id, reference, caller, holder, merchant, order_reference,
        product, outcome, currency, amount, exposure, basket, created, expires, lapses, 0,
        codes, record, facts
    FROM recorded
),
kept_reservations AS (
    INSERT INTO reservations (decision_id, holder, amount, captured, created, expires,
        limit_then, held_then)
    SELECT decision_id, holder, exposure, 0, created,
        -- An approval without an end holds until it is captured or cancelled. A hold that begins
        -- later ends a card then (card/until.rs).
        LEAST(COALESCE(expires, 9223372036854775807), CASE WHEN card_id IS NOT NULL THEN (
            SELECT MIN(starts) FROM restrictions
            WHERE account_id = recorded.holder AND starts > recorded.created
                AND kind IN ('SECURITY', 'SANCTIONS', 'COMPLIANCE')
                AND (lifted IS NULL OR lifted > starts)
        ) END), limit_then, held_then
    FROM recorded WHERE exposure > 0
),
kept_signals AS (
    INSERT INTO signal_events (time, holder, decision_id, kind, payload)
    SELECT signal_time, holder, decision_id, signal_kind, signal_payload
    FROM recorded WHERE signal_payload IS NOT NULL ORDER BY position
),
kept_contexts AS (
    INSERT INTO raw_context (decision_id, holder, time, payload)
    SELECT decision_id, holder, created, raw_context
    FROM recorded WHERE raw_context IS NOT NULL
),
kept_restrictions AS (
    INSERT INTO restrictions (restriction_id, account_id, kind, code, starts, ends, note, origin)
    SELECT decision_id, restricted, restriction_kind, restriction_code, created,
        restriction_ends, restriction_note, 'POLICY'
    FROM recorded WHERE restricted IS NOT NULL
),
kept_codes AS (
    INSERT INTO decision_codes (code, created, decision_id)
    SELECT CAST(code AS BIGINT), created, decision_id
    FROM recorded, UNNEST(STRING_TO_ARRAY(code_numbers, ' ')) AS codes (code)
),
kept_cards AS (
    INSERT INTO cards (card_id, decision_id, holder, merchant, merchant_locked, currency, amount,
        tolerance, created, expires, opened, captured)
    SELECT card_id, decision_id, holder, merchant, card_locked, currency, amount,
        card_tolerance, created, card_expires, created, 0
    FROM recorded WHERE card_id IS NOT NULL
),
superseded AS (
    UPDATE decisions SET superseded_by = recorded.decision_id
    FROM recorded WHERE decisions.decision_id = recorded.replaces
),
kept_cases AS (
    INSERT INTO review_cases (case_id, queue, market, state, version, created, due, expires, notes)
    SELECT decision_id, review_queue, review_market, 'OPEN', 1, created,
        review_due, review_expires, 0
    FROM recorded WHERE review_queue IS NOT NULL
),
resolved_cases AS (
    UPDATE review_cases SET state = 'RESOLVED', waits_for = NULL,
        version = review_cases.version + 1, claimant = NULL, claim_ends = NULL,
        verdict = recorded.verdict, resolver = recorded.resolver, resolved = recorded.resolve_time
    FROM recorded
    WHERE review_cases.case_id = recorded.replaces AND recorded.case_version IS NOT NULL
    RETURNING review_cases.case_id, review_cases.version
),
kept_actions AS (
    INSERT INTO review_actions (case_id, version, kind, actor, role, time, detail)
    SELECT resolved_cases.case_id, resolved_cases.version, 'RESOLVED',
        resolver, resolver_role, resolve_time, resolve_detail
    FROM resolved_cases JOIN recorded ON recorded.replaces = resolved_cases.case_id
),
listed AS (
    SELECT ARRAY_AGG(digest ORDER BY place) AS digests, ARRAY_AGG(decision_id ORDER BY place) AS ids
    FROM recorded
),
steps (place, hash) AS (
    SELECT CAST(0 AS BIGINT), $42::BYTEA
    UNION ALL
    SELECT place + 1, SHA256(hash || digests[place + 1])
    FROM steps, listed WHERE place < CARDINALITY(digests)
),
kept_links AS (
    INSERT INTO links (chain, link, decision_id, hash)
    SELECT $40::BIGINT, $41::BIGINT + place, ids[place], hash FROM steps, listed WHERE place > 0
),
last_step AS (SELECT place, hash FROM steps ORDER BY place DESC LIMIT 1),
kept_head AS (
    UPDATE chains SET head = $41 + place, head_hash = hash
    FROM last_step WHERE chain = $40 AND place > 0
)
SELECT
    answered, taken, replaceable, resolvable,
    exposure <= 0 OR held_then <= limit_then AS fits,
    guarded = 0 OR holder IN (SELECT holder FROM turns) AS is_current,
    decision_id IN (SELECT decision_id FROM claimed) AS is_recorded,
    (SELECT $41 + place FROM last_step) AS head,
    (SELECT hash FROM last_step) AS head_hash
FROM judged ORDER BY position

-- The standing of one holder: a single row, repeated for each restriction in force.
-- $1 holder, $2 now, $3 merchant, $4 amount, $5 currency, $6 basket, $7 the decision to leave out,
-- $8 account, device ($9) and instrument ($10) as the list of confirmed misuse names them;
-- $11 caller, $12 call and $13 request that may have been answered before.
-- Lengths of time are microseconds: 86400000000 is a day.
WITH open_plans AS (
    SELECT
        plans.plan_id, plans.paused, plans.stated_due, plans.in_return,
        -- Paused and disputed plans are never late.
        CASE WHEN plans.paused = 0 AND plans.disputed = 0 THEN COALESCE(plans.stated_due, (
            SELECT MIN(due) FROM instalments
            WHERE instalments.holder = plans.holder AND instalments.plan_id = plans.plan_id
                AND paid < amount
        )) END AS oldest_due,
        CASE
            WHEN plans.paused = 1 THEN 0
            WHEN plans.source = 'EXTERNAL' THEN
                CASE WHEN plans.stated_due <= $2 + 2592000000000 THEN plans.outstanding ELSE 0 END
            ELSE (
                SELECT COALESCE(SUM(amount - paid), 0) FROM instalments
                WHERE instalments.holder = plans.holder AND instalments.plan_id = plans.plan_id
                    AND due <= $2 + 2592000000000
            )
        END AS due_30d
    FROM plans
    WHERE plans.holder = $1 AND plans.outstanding > 0 AND plans.closed IS NULL
),
open_facts AS (
    SELECT
        -- What is on its way back to its shop is owed, but nobody counts it.
        COUNT(CASE WHEN in_return = 0 THEN 1 END) AS plans_open,
        CAST(COALESCE(SUM(due_30d), 0) AS BIGINT) AS due_30d,
        MIN(oldest_due) AS oldest_due
    FROM open_plans
),
plan_facts AS (
    SELECT
        CAST(COALESCE(SUM(outstanding), 0) AS BIGINT) AS outstanding,
        COUNT(CASE WHEN outstanding = 0 AND (repaid > 0 OR closed IS NOT NULL) THEN 1 END)
            AS plans_repaid,
        COUNT(defaulted) AS plans_defaulted
    FROM plans WHERE holder = $1
),
reserved_facts AS (
    SELECT CAST(COALESCE(SUM(amount - captured), 0) AS BIGINT) AS reserved
    FROM reservations WHERE holder = $1 AND released IS NULL AND expires > $2
),
late_facts AS (
    SELECT
        COUNT(CASE WHEN paid > due + 604800000000 AND paid > $2 - 15552000000000 THEN 1 END)
            AS late_180d,
        COUNT(*) AS late_365d
    FROM repayments WHERE holder = $1 AND paid > $2 - 31536000000000 AND paid > due
),
-- What the repayment record is made of: lists of numbers, since it is not for SQL to judge.
-- A repayment is 'due paid amount started told', a plan 'started outstanding told': told is 1 where
-- what is not told as paid is not paid, so not where the lender states what is left (plan_status),
-- nor while a plan is paused or disputed.
record_facts AS (
    SELECT
        (
            SELECT string_agg(
                CAST(repayments.due AS TEXT) || ' ' || CAST(repayments.paid AS TEXT) || ' '
                || CAST(repayments.amount AS TEXT) || ' ' || CAST(plans.started AS TEXT) || ' '
                || CASE WHEN plans.stated IS NULL AND plans.paused = 0 AND plans.disputed = 0
                    THEN '1' ELSE '0' END, ',')
            FROM repayments JOIN plans
                ON plans.holder = repayments.holder AND plans.plan_id = repayments.plan_id
            WHERE repayments.holder = $1 AND repayments.paid > $2 - 15552000000000
        ) AS record_repaid,
        (
            SELECT string_agg(
                CAST(started AS TEXT) || ' ' || CAST(outstanding AS TEXT) || ' '
                || CASE WHEN stated IS NULL AND paused = 0 AND disputed = 0
                    THEN '1' ELSE '0' END, ',')
            FROM plans
            WHERE holder = $1 AND outstanding > 0
        ) AS record_owed
),
-- Orders are what holds or held a part of the limit, or was confirmed: never what was said of it.
placed_orders AS (
    SELECT
        created, amount, product, captured, canceled, authorized,
        CASE WHEN canceled IS NULL
            AND (expires IS NULL OR expires > $2 OR authorized IS NOT NULL) THEN 1 ELSE 0 END
            AS standing,
        CASE WHEN merchant = $3 AND amount = $4 AND currency = $5 AND basket = $6
            THEN 1 ELSE 0 END AS same
    FROM decisions
    -- A card is valid for 24 hours at most, so that no open one is older than this.
    WHERE holder = $1 AND created > $2 - 86400000000 AND decision_id <> $7
        AND (captured > 0 OR EXISTS (
            SELECT 1 FROM reservations WHERE reservations.decision_id = decisions.decision_id
        ))
),
order_facts AS (
    SELECT
        COUNT(CASE WHEN placed = 1 AND created > $2 - 3600000000 THEN 1 END) AS placed_60m,
        COUNT(CASE WHEN placed = 1 THEN 1 END) AS placed_24h,
        CAST(COALESCE(SUM(CASE WHEN placed = 1 THEN amount ELSE 0 END), 0) AS BIGINT)
            AS amount_24h,
        COUNT(CASE WHEN placed = 1 AND canceled IS NULL AND same = 1
            AND created >= $2 - 600000000 THEN 1 END) AS duplicates,
        COUNT(CASE WHEN product = 'ONE_TIME_CARD' THEN 1 END) AS cards_24h,
        COUNT(CASE WHEN product = 'ONE_TIME_CARD' AND standing = 1 AND captured = 0
            AND authorized IS NULL
            THEN 1 END) AS cards_open
    FROM (
        SELECT placed_orders.*,
            CASE WHEN captured > 0 OR standing = 1 THEN 1 ELSE 0 END AS placed
        FROM placed_orders
    ) AS orders
),
listed_facts AS (
    SELECT
        COUNT(CASE WHEN party_kind = 'ACCOUNT' THEN 1 END) AS account_listed,
        COUNT(CASE WHEN party_kind = 'DEVICE' THEN 1 END) AS device_listed,
        COUNT(CASE WHEN party_kind = 'INSTRUMENT' THEN 1 END) AS instrument_listed
    FROM misuse_list
    WHERE (party_kind = 'ACCOUNT' AND party = $8) OR (party_kind = 'DEVICE' AND party = $9)
        OR (party_kind = 'INSTRUMENT' AND party = $10)
),
event_facts AS (
    SELECT
        (SELECT MAX(time) FROM events WHERE account_id = $1 AND kind = 'profile_change'
            AND detail IN ('EMAIL', 'PHONE', 'PASSWORD')) AS contact_changed,
        (SELECT time FROM events WHERE account_id = $1 AND kind = 'support_plan'
            ORDER BY time DESC LIMIT 1) AS support_time,
        (SELECT detail FROM events WHERE account_id = $1 AND kind = 'support_plan'
            ORDER BY time DESC LIMIT 1) AS support_detail
)
SELECT
    accounts.record AS account, accounts.updated AS updated,
    COALESCE((SELECT version FROM holders WHERE holder = $1), 0) AS version,
    open_facts.*, plan_facts.*, reserved_facts.*, late_facts.*, record_facts.*,
    order_facts.*, listed_facts.*, event_facts.*,
    restrictions.kind, restrictions.code, restrictions.ends,
    answers.hash, answers.body, answered.record
FROM open_facts
    CROSS JOIN plan_facts CROSS JOIN reserved_facts CROSS JOIN late_facts
    CROSS JOIN record_facts CROSS JOIN order_facts CROSS JOIN listed_facts CROSS JOIN event_facts
    LEFT JOIN accounts ON accounts.account_id = $1
    LEFT JOIN restrictions ON restrictions.account_id = $1
        AND restrictions.starts <= $2 AND restrictions.ends > $2
        AND (restrictions.lifted IS NULL OR restrictions.lifted > $2)
    LEFT JOIN answers ON answers.caller = $11 AND answers.call = $12 AND answers.request_id = $13
    LEFT JOIN decisions AS answered ON answered.decision_id = answers.decision_id
ORDER BY restrictions.starts, restrictions.restriction_id

-- Who of the staff has read what, until it is past its age. Nobody looks there but auditors, who
-- read it in its order: an index more would slow each read that it is written for.
CREATE TABLE staff_reads (
    seq         INTEGER PRIMARY KEY,
    time        BIGINT NOT NULL,
    caller      TEXT NOT NULL,
    role        TEXT NOT NULL,
    call        TEXT NOT NULL,
    account_id  TEXT,               -- that was asked for, or whose decision it was
    decisions   TEXT NOT NULL,      -- ids of those that were shown, blanks around each
    criteria    TEXT NOT NULL
);

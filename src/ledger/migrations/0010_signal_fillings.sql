-- Which filling of a shared signal store holds what this ledger has taught; one row at most.
CREATE TABLE signal_fillings (
    place   BIGINT PRIMARY KEY NOT NULL,
    filling  TEXT NOT NULL,
    CHECK (place = 1)
);

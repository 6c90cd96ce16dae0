-- Orders on their way back to their shop: their plans are not counted among the open ones.
ALTER TABLE plans ADD COLUMN in_return BIGINT NOT NULL DEFAULT 0;
ALTER TABLE plans ADD COLUMN return_time BIGINT; -- of the latest return event

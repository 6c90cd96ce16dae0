-- Answers are kept as long as decisions: the oldest are found without a walk.
CREATE INDEX answers_by_time ON answers (time);

-- Changes the mark of a partition, if it still is what the caller left there.
--
-- KEYS  1 the mark   ARGV  1 what it must be  2 what it becomes
-- Gives 1 when it was changed.
if not KEYS[1] then return 0 end -- only to be known
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1

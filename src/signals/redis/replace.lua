-- Replaces the front of what is kept of one party, unless somebody did so before.
--
-- KEYS  1 the party
-- ARGV  1 how the front began when it was read  2 its length then  3 what takes its place
--       4 milliseconds until it is forgotten
-- Records that came since stay behind it. Gives 1 when it was replaced.
if not KEYS[1] then return 0 end -- only to be known
local kept = redis.call('GET', KEYS[1]) or ''
if #kept < tonumber(ARGV[2]) or string.sub(kept, 1, #ARGV[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[3] .. string.sub(kept, ARGV[2] + 1), 'PX', ARGV[4])
return 1

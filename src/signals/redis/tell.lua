-- Adds one event to what is kept of one party, and gives all of it back.
--
-- KEYS  1 mark of the partition   2 the party
--       3, 4 names of events applied in this hour and in the one before; only for busy parties,
--            whose folds keep no names
-- ARGV  1 what the mark must say  2 record, '' to read only
--       3 name of the event, '' if it may come twice
--       4 head of a value that is begun here, '' when the event begins no party
--       5 milliseconds until an idle party is forgotten      6 milliseconds for names
--       7 'rebuild' teaches in spite of a missing mark; everybody else waits for the rebuild, so
--         that a party learns its past in order
-- Gives { state, value }; states: 0 cold, 1 warm, 2 the mark is not ours, 3 no room for another
--       record, 4 the party is not ours.
local FORMAT, HEAD, SHORT, LONGEST = 1, 13, 4096, 1048576

if not KEYS[1] then return { 0, '' } end -- only to be known
local mark = redis.call('GET', KEYS[1])
if mark and mark ~= ARGV[1] then return { 2, '' } end
local warm = mark and 1 or 0
if warm == 0 and ARGV[7] ~= 'rebuild' then return { 0, '' } end
local kept = redis.call('GET', KEYS[2])
-- Nor is an empty value ours: it must not read as a party that nobody knows.
if kept and string.byte(kept) ~= FORMAT then return { 4, '' } end
if ARGV[2] == '' then return { warm, kept or '' } end
-- Whoever reads what was cut off within or after its head replaces it.
if kept and #kept <= HEAD then return { warm, kept } end
if not kept then
  if ARGV[4] == '' then return { warm, '' } end
  kept = ARGV[4]
end

if #kept + #ARGV[2] > LONGEST then return { 3, kept } end
if KEYS[3] then
  if redis.call('SISMEMBER', KEYS[4], ARGV[3]) == 1 or redis.call('SADD', KEYS[3], ARGV[3]) == 0 then
    return { warm, kept }
  end
  redis.call('PEXPIRE', KEYS[3], ARGV[6])
else
  -- Names of records only: what is folded holds ids in other places.
  local folded = struct.unpack('<I4', kept, HEAD - 3)
  if ARGV[3] ~= '' and string.find(kept, ARGV[3], HEAD + folded + 1, true) then return { warm, kept } end
end

-- APPEND reserves twice the length: too much for the many short values, right for the few long
-- ones, which would be copied whole each time.
local short = #kept < SHORT
kept = kept .. ARGV[2]
if short then
  redis.call('SET', KEYS[2], kept, 'PX', ARGV[5])
else
  redis.call('APPEND', KEYS[2], ARGV[2])
  redis.call('PEXPIRE', KEYS[2], ARGV[5])
end
return { warm, kept }

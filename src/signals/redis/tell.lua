-- Adds one event to what is kept of one party, and gives all of it back.
--
-- KEYS  1 mark of the partition   2 the party
--       3, 4 names of events applied in this hour and in the one before; only for busy parties,
--            whose folds keep no names
-- ARGV  1 what the mark must say  2 record, '' to read only
--       3 name of the event, '' if it may come twice
--       4 head of a value that is begun here, '' when the event begins no party
--       5 milliseconds until an idle party is forgotten      6 milliseconds for names
--       7 'rebuild' fills a partition that was emptied, in the order of the ledger and alone: what
--         another process once kept is begun anew, and no row comes twice
--       8 with 'rebuild', the head of a value that it would begin
-- Gives { state, value }; states: 0 cold, 1 warm, 2 the mark is another, which is given instead,
--       3 no room for another record, 4 the party is not ours.
local FORMAT, HEAD, SHORT, LONGEST = 1, 13, 4096, 1048576

if not KEYS[1] then return { 0, '' } end -- only to be known
local mark = redis.call('GET', KEYS[1])
if not mark then return { 0, '' } end
if mark ~= ARGV[1] then return { 2, mark } end
local warm, rebuild = 1, ARGV[7] == 'rebuild'
local kept = redis.call('GET', KEYS[2])
-- Editions of one process begin alike: what begins otherwise was there before.
if kept and rebuild and string.sub(kept, 6, 9) ~= string.sub(ARGV[8], 6, 9) then kept = false end
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
  local again = redis.call('SISMEMBER', KEYS[4], ARGV[3]) == 1
      or redis.call('SADD', KEYS[3], ARGV[3]) == 0
  if again and not rebuild then return { warm, kept } end
  redis.call('PEXPIRE', KEYS[3], ARGV[6])
else
  -- Names of records only: what is folded holds ids in other places.
  local folded = struct.unpack('<I4', kept, HEAD - 3)
  if ARGV[3] ~= '' and string.find(kept, ARGV[3], HEAD + folded + 1, true) then return { warm, kept } end
end

-- APPEND reserves twice the length: too much for the many short values, right for the few long
-- ones, which would be copied whole each time.
local short = rebuild or #kept < SHORT
kept = kept .. ARGV[2]
if short then
  local stay = tonumber(ARGV[5])
  -- A row that tells of long ago must not shorten what a later event asked for.
  if rebuild then stay = math.max(stay, redis.call('PTTL', KEYS[2])) end
  redis.call('SET', KEYS[2], kept, 'PX', string.format('%.0f', stay))
else
  redis.call('APPEND', KEYS[2], ARGV[2])
  redis.call('PEXPIRE', KEYS[2], ARGV[5])
end
return { warm, kept }

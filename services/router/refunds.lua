-- Gives places back, for a whole batch at once.
--
-- KEYS[i]      the sorted set of place i
-- ARGV[2i-1]   its token
-- ARGV[2i]     the time at which it was taken, µs
--
-- A place whose time has changed is shared with a repetition that may have been recorded: it stays.

for i, key in ipairs(KEYS) do
  local taken_at = redis.call('ZSCORE', key, ARGV[2 * i - 1])
  if taken_at and tonumber(taken_at) == tonumber(ARGV[2 * i]) then
    redis.call('ZREM', key, ARGV[2 * i - 1])
  end
end

return 0

-- Takes tokens from providers' buckets by the generic cell rate algorithm (ITU-T I.371).
--
-- KEYS[i]      a hash: full_at, when the bucket is full again; high_until, up to when HIGH wants more than there is;
--              low_at, when LOW may take its next one meanwhile; all in µs by the server's clock
-- ARGV[1]      "HIGH" or "LOW"
-- ARGV[2]      "1" if tokens may have been taken without this server: the buckets are emptied first
-- ARGV[4i-1]   how many tokens bucket i holds
-- ARGV[4i]     the time in which one becomes free, µs
-- ARGV[4i+1]   how many are wanted
-- ARGV[4i+2]   "1" if the lane used up what it was last given
--
-- Returns for each bucket: how many were taken, the time until there is another one, µs, and full_at as it is now.

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local high = ARGV[1] == 'HIGH'
local answers = {}
-- While HIGH wants more than there is, one token in so many is LOW's: first is not alone.
local LOW_SHARE = 10
-- A bucket that is not there was lost, or not used for so long. It begins empty: no window must see two full ones.
local KEPT_MS = 86400000

-- Lua's own way to write a number would cut microseconds off.
local function exact(number)
  return string.format('%.0f', number)
end

for i, key in ipairs(KEYS) do
  local burst, interval = tonumber(ARGV[4 * i - 1]), tonumber(ARGV[4 * i])
  local wanted, hungry = tonumber(ARGV[4 * i + 1]), ARGV[4 * i + 2] == '1'
  local bucket = redis.call('HMGET', key, 'full_at', 'high_until', 'low_at')
  local empty = now + burst * interval
  local before = math.min(tonumber(bucket[1]) or empty, empty)
  if ARGV[2] == '1' then
    before = empty
  end
  before = math.max(before, now)
  local high_until, low_at = tonumber(bucket[2]) or 0, tonumber(bucket[3]) or 0
  if high then
    high_until = hungry and now + 2 * interval + 1000000 or 0
  end
  local granted = math.min(wanted, math.floor((empty - before) / interval))
  local yields = not high and now < math.min(high_until, now + 2 * interval + 1000000)
  if yields then
    granted = now >= low_at and math.min(granted, 1) or 0
    if granted > 0 then
      low_at = now + LOW_SHARE * interval
    end
  end
  local after = before + granted * interval
  local wait = math.max(after + interval - empty, 0)
  if yields then
    wait = math.max(wait, low_at - now)
  end
  redis.call('HSET', key, 'full_at', exact(after), 'high_until', exact(high_until), 'low_at', exact(low_at))
  redis.call('PEXPIRE', key, KEPT_MS + math.ceil(burst * interval / 1000))
  for _, number in ipairs({ granted, wait, after }) do
    answers[#answers + 1] = number
  end
end

return answers

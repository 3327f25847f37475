-- Takes places in sliding window logs, for a whole batch at once.
--
-- KEYS[i]      a sorted set: token -> time at which its place was taken, µs by the server's clock
-- ARGV[1]      the limit
-- ARGV[2]      the window's length, µs
-- ARGV[2i+1]   the token of submission i
-- ARGV[2i+2]   "1" to take the place, "0" only to ask
--
-- Returns the server's time in µs, then for each submission:
--   0 admitted, place newly taken; -1 admitted, the token has its place; -2 admitted, only asked;
--   n > 0 refused, a place becomes free in n µs.

local limit = tonumber(ARGV[1])
local window = tonumber(ARGV[2])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local expire_ms = math.ceil(window / 1000) + 1000
local answers = { now }

-- Lua's own way to write a number would cut microseconds off.
local function exact(number)
  return string.format('%.0f', number)
end

local function refuse(key)
  local next_to_leave = redis.call('ZCARD', key) - limit
  local place = redis.call('ZRANGE', key, next_to_leave, next_to_leave, 'WITHSCORES')
  local wait = tonumber(place[2]) + window + 1 - now
  if wait > window + 1000000 then
    -- The server's clock was set back: places from the future would lock the user out until it catches up.
    for _, token in ipairs(redis.call('ZRANGEBYSCORE', key, '(' .. exact(now), '+inf')) do
      redis.call('ZADD', key, exact(now), token)
    end
    redis.call('PEXPIRE', key, expire_ms)
    wait = window + 1
  end
  return wait
end

for i, key in ipairs(KEYS) do
  local token = ARGV[2 * i + 1]
  -- A place exactly one window old still counts, so that a window with both its ends is exact too.
  redis.call('ZREMRANGEBYSCORE', key, '-inf', '(' .. exact(now - window))
  local taken = redis.call('ZCARD', key)
  if taken > 0 and redis.call('ZSCORE', key, token) then
    -- The microsecond marks the place as shared: whoever took it can no longer give it back alone.
    if ARGV[2 * i + 2] == '1' then
      redis.call('ZINCRBY', key, 1, token)
    end
    answers[i + 1] = -1
  elseif taken >= limit then
    answers[i + 1] = refuse(key)
  elseif ARGV[2 * i + 2] == '0' then
    answers[i + 1] = -2
  else
    redis.call('ZADD', key, exact(now), token)
    redis.call('PEXPIRE', key, expire_ms)
    answers[i + 1] = 0
  end
end

return answers

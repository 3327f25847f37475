-- Takes reservations in all the limits of each request, or in none of them, for a whole batch at once.
--
-- KEYS         for each request its keys, one for each limit of its list, in their order; the first is a log
-- ARGV[1]      how many lists of limits there are; then for each of them its number of limits, and for each limit
--              its structure ("log" or "slots"), amount, window in µs, and what one admission costs
-- then         for each request its token and the number of its list; a negative one only asks
--
-- Returns the server's time in µs, then four numbers for each request:
--   verdict    0 reservations newly taken; 1 the token has its reservation; 2 only asked, there is room; 3 refused
--   limit      which of its limits (from 0) refuses, or else is nearest to its end
--   remaining  what is left of that limit
--   reset      µs until more of it becomes free; if refused, until there is room

local call = redis.call
local lists, at = read_lists()

-- A log's reservations that count, and the time of the oldest.
local function look_at_log(key, limit)
  local oldest = tonumber(call('ZRANGE', key, 0, 0, 'WITHSCORES')[2])
  if oldest and oldest < limit.oldest then
    call('ZREMRANGEBYSCORE', key, '-inf', limit.before_oldest)
    oldest = tonumber(call('ZRANGE', key, 0, 0, 'WITHSCORES')[2])
  end
  return oldest and call('ZCARD', key) or 0, oldest
end

-- µs until a log that is full has room.
local function log_wait(key, limit, taken)
  if limit.amount == 0 then
    return limit.window
  end
  local next_to_leave = taken - limit.amount
  local place = call('ZRANGE', key, next_to_leave, next_to_leave, 'WITHSCORES')
  local wait = tonumber(place[2]) + limit.window + 1 - now
  if wait > limit.window + 1000000 then
    -- The server's clock was set back: reservations from the future would lock the user out until it catches up.
    for _, member in ipairs(call('ZRANGEBYSCORE', key, '(' .. now_text, '+inf')) do
      call('ZADD', key, now_text, member)
    end
    call('PEXPIRE', key, limit.expire_ms)
    wait = limit.window + 1
  end
  return wait
end

-- µs until so much of what slots hold has left them.
local function slots_wait(counted, limit, needed)
  local width = math.ceil(limit.window / SLOTS)
  for i = 1, #counted.slots, 2 do
    needed = needed - counted.slots[i + 1]
    if needed <= 0 then
      return (counted.slots[i] + 1) * width + limit.window - now
    end
  end
  return limit.window
end

-- What a limit has left, and µs until there is more or, where what is left is too little, enough.
local function look(key, limit, taken, oldest)
  if limit.is_log then
    if not taken then
      taken, oldest = look_at_log(key, limit)
    end
    if taken >= limit.amount then
      return 0, log_wait(key, limit, taken)
    end
    return limit.amount - taken, (oldest or now) + limit.window + 1 - now
  end
  local counted = load_slots(key, limit.window)
  local left = math.max(limit.amount - counted.total, 0)
  return left, slots_wait(counted, limit, math.max(limit.cost - left, 1))
end

local function take(key, limit, member)
  if limit.is_log then
    call('ZADD', key, now_text, member)
    call('PEXPIRE', key, limit.expire_ms)
  else
    local counted = load_slots(key, limit.window)
    put(counted.slots, slot_of(now, limit.window), limit.cost)
    counted.total = counted.total + limit.cost
    counted.changed = true
  end
end

local answers, last = { now }, 1

local function answer(verdict, limit, remaining, reset)
  answers[last + 1], answers[last + 2], answers[last + 3], answers[last + 4] = verdict, limit - 1, remaining, reset
  last = last + 4
end

local function decide(limits, first_key, token, counts)
  local first = limits[1]
  local taken, oldest = look_at_log(KEYS[first_key], first)
  if taken > 0 and call('ZSCORE', KEYS[first_key], token) then
    -- The microsecond marks the reservation as shared: whoever took it can no longer give it back alone.
    if counts then
      call('ZINCRBY', KEYS[first_key], 1, token)
    end
    return answer(1, 1, math.max(first.amount - taken, 0), oldest + first.window + 1 - now)
  end
  local near, near_share, near_left, near_reset = 1, 2, 0, 0
  local refusing, longest
  for i = 1, #limits do
    local limit = limits[i]
    local left, reset = look(KEYS[first_key + i - 1], limit, i == 1 and taken or nil, oldest)
    if left < limit.cost then
      if not refusing or reset > longest then
        refusing, longest, near_left = i, reset, left
      end
    elseif not refusing then
      local after = counts and left - limit.cost or left
      if after / limit.amount < near_share then
        near, near_share, near_left, near_reset = i, after / limit.amount, after, reset
      end
    end
  end
  if refusing then
    return answer(3, refusing, near_left, longest)
  end
  if counts then
    take(KEYS[first_key], first, token)
    for i = 2, #limits do
      take(KEYS[first_key + i - 1], limits[i], further_member(KEYS[first_key], token, now_text))
    end
  end
  return answer(counts and 0 or 2, near, near_left, near_reset)
end

local key = 1
for i = at, #ARGV, 2 do
  local number = tonumber(ARGV[i + 1])
  local limits = lists[math.abs(number)]
  decide(limits, key, ARGV[i], number > 0)
  key = key + #limits
end

save()
return answers

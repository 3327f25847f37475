-- Gives reservations back, for a whole batch at once.
--
-- KEYS, ARGV   as in limits.lua, except that each request is a token, the number of its list, and the time at which
--              its reservations were taken, µs
--
-- A reservation whose time has changed is shared with a repetition that may have been recorded: all of its token stay.
-- So do
-- those whose first one has left its window, as that can no longer be told of them.

local lists, at = read_lists()

local function give_back(key, limit, member, taken_at)
  if limit.is_log then
    redis.call('ZREM', key, member)
    return
  end
  local counted = load_slots(key, limit.window)
  local slot = slot_of(tonumber(taken_at), limit.window)
  for i = 1, #counted.slots, 2 do
    if counted.slots[i] == slot and counted.slots[i + 1] >= limit.cost then
      counted.slots[i + 1] = counted.slots[i + 1] - limit.cost
      counted.changed = true
    end
  end
end

local key = 1
for i = at, #ARGV, 3 do
  local token, limits, taken_at = ARGV[i], lists[tonumber(ARGV[i + 1])], ARGV[i + 2]
  local score = redis.call('ZSCORE', KEYS[key], token)
  if score and tonumber(score) == tonumber(taken_at) then
    redis.call('ZREM', KEYS[key], token)
    for j = 2, #limits do
      give_back(KEYS[key + j - 1], limits[j], further_member(KEYS[key], token, taken_at), taken_at)
    end
  end
  key = key + #limits
end

save()
return 0

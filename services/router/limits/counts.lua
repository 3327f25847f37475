-- What limits.lua and refunds.lua share: put before either of them.
--
-- Two structures count admissions:
--   log    a sorted set: who -> time of admission, µs by the server's clock. Exact.
--   slots  a string: MessagePack of { slot, count, slot, count, ... }, oldest first, where a slot is the window's
--          60th part. A slot counts as long as any moment of it may lie in the window: what was admitted counts for
--          a window and up to one slot more, so that no window ever holds more than the limit.

local SLOTS = 60

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])

-- Lua's own way to write a number would cut microseconds off.
local function exact(number)
  return string.format('%.0f', number)
end

local now_text = exact(now)

local function slot_of(moment, window)
  return math.floor(moment / math.ceil(window / SLOTS))
end

local function expire_ms(lifetime)
  return math.ceil(lifetime / 1000) + 1000
end

-- Reads the lists of limits, of which each request names one. Returns them and the position of the next argument.
local function read_lists()
  local lists, at = {}, 2
  for number = 1, tonumber(ARGV[1]) do
    local limits = {}
    for i = 1, tonumber(ARGV[at]) do
      local window = tonumber(ARGV[at + 3])
      limits[i] = {
        is_log = ARGV[at + 1] == 'log',
        amount = tonumber(ARGV[at + 2]),
        window = window,
        cost = tonumber(ARGV[at + 4]),
        -- A reservation exactly one window old still counts, so that a window with both its ends is exact too.
        oldest = now - window,
        before_oldest = '(' .. exact(now - window),
        expire_ms = expire_ms(window),
      }
      at = at + 4
    end
    lists[number] = limits
    at = at + 1
  end
  return lists, at
end

-- Reservations in a request's first log are told apart by their tokens; in further ones also by the first log and the
-- time, as a token may come for another user, or again when its first reservation has left the window, and give only
-- that one back.
local function further_member(first_key, token, taken_at)
  return table.concat({ first_key, token, taken_at }, ' ')
end

-- Slots are read and written once a call, however many requests count in them.
local held = {}

local function put(slots, slot, count)
  local last = #slots - 1
  if last > 0 and slots[last] == slot then
    slots[last + 1] = slots[last + 1] + count
  else
    slots[last + 2], slots[last + 3] = slot, count
  end
end

local function load_slots(key, window)
  local counted = held[key]
  if counted then
    return counted
  end
  counted = { slots = {}, total = 0, window = window }
  local stored = redis.call('GET', key)
  if stored then
    local first, current = slot_of(now - window, window), slot_of(now, window)
    local packed = cmsgpack.unpack(stored)
    for i = 1, #packed, 2 do
      if packed[i] >= first then
        -- A slot from the future: the server's clock was set back. It counts from now on.
        put(counted.slots, math.min(packed[i], current), packed[i + 1])
        counted.total = counted.total + packed[i + 1]
      end
    end
  end
  held[key] = counted
  return counted
end

local function save()
  for key, counted in pairs(held) do
    if counted.changed then
      redis.call('SET', key, cmsgpack.pack(counted.slots), 'PX', expire_ms(counted.window * (1 + 1 / SLOTS)))
    end
  end
end

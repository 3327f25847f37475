-- Reads a JSON text against the message it is meant for and names what does not belong: fields that the message does
-- not have, and names given twice. The transcoder after it would drop the first and let the last of the second win.
--
-- Structure is held to RFC 8259, so that the transcoder's more lenient reader cannot find names where this one saw none.
-- Values (numbers, texts, enums) are left to the transcoder. Plain loops over bytes and plain finds: LuaJIT compiles them.

local byte, char, find, sub = string.byte, string.char, string.find, string.sub

local MOST_DEPTH = 36       -- the gateway bounds a context to 32 and says so; protobuf ends a little after that
local MOST_FINDINGS = 10    -- named in one answer; the rest is counted
local MOST_NAME_BYTES = 64  -- of a name that is told
local MOST_PATH_BYTES = 128 -- of the path to it

local QUOTE, BACKSLASH, COMMA, COLON = 34, 92, 44, 58
local OPEN_BRACE, CLOSE_BRACE, OPEN_BRACKET, CLOSE_BRACKET = 123, 125, 91, 93

-- Shapes: {fields = {name = {name = ..., shape = ...}}} is a message, {values = shape} a map, and these two:
local FREE = {}    -- any JSON
local PLAIN = {}   -- a number, text, enum or boolean, or a list of them

-- The text under way; one at a time, as nothing here waits.
local text, outside, backslash, path, seen, serial, findings, more

local function malformed(at, wanted)
  error({malformed = string.format("expected %s at byte %d of the body", wanted, at)}, 0)
end

local function path_to(depth)
  local parts = {}
  for level = 1, depth do
    local step = path[level]
    if type(step) == "number" then
      parts[#parts + 1] = "[" .. step .. "]"
    else
      parts[#parts + 1] = (#parts > 0 and "." or "") .. sub(step, 1, MOST_NAME_BYTES)
    end
  end
  local told = table.concat(parts)
  return #told <= MOST_PATH_BYTES and told or "..." .. sub(told, 4 - MOST_PATH_BYTES)
end

local function report(depth, reason, shape)
  if #findings == MOST_FINDINGS then
    more = more + 1
  else
    findings[#findings + 1] = {path = path_to(depth), reason = reason, shape = shape}
  end
end

-- Where the next byte stands that is no white space.
local function after_blanks(at)
  local c = byte(text, at)
  while c == 32 or c == 10 or c == 13 or c == 9 do
    at = at + 1
    c = byte(text, at)
  end
  return at
end

-- Where a string that begins at `at` is over, and whether it holds escapes. The next quote and the next backslash are
-- looked for again only where they lie behind: each byte is looked at once, however many escapes there are.
local function after_string(at)
  local from, escaped, quote = at + 1, false, 0
  while true do
    if quote < from then
      quote = find(text, '"', from, true) or malformed(#text + 1, 'the end of a string, "')
    end
    if backslash < from then
      backslash = find(text, "\\", from, true) or #text + 1
    end
    if quote < backslash then
      return quote + 1, escaped
    end
    from, escaped = backslash + 2, true
  end
end

local function utf8(code)
  if code < 0x80 then
    return char(code)
  elseif code < 0x800 then
    return char(0xC0 + math.floor(code / 0x40), 0x80 + code % 0x40)
  elseif code < 0x10000 then
    return char(0xE0 + math.floor(code / 0x1000), 0x80 + math.floor(code / 0x40) % 0x40, 0x80 + code % 0x40)
  end
  return char(0xF0 + math.floor(code / 0x40000), 0x80 + math.floor(code / 0x1000) % 0x40,
    0x80 + math.floor(code / 0x40) % 0x40, 0x80 + code % 0x40)
end

local ESCAPES = {b = "\b", f = "\f", n = "\n", r = "\r", t = "\t"}

-- A name or a text as it is meant: "sch\u0065dule_at" is schedule_at. A surrogate without its other half stays as it is.
local function unescaped(written)
  written = written:gsub("\\(.)", function(letter)  -- first all escapes in one form
    return letter ~= "u" and string.format("\\u%04x", byte(ESCAPES[letter] or letter)) or nil
  end)
  written = written:gsub("\\u([dD][89abAB]%x%x)\\u([dD][c-fC-F]%x%x)", function(high, low)
    return utf8(0x10000 + (tonumber(high, 16) - 0xD800) * 0x400 + tonumber(low, 16) - 0xDC00)
  end)
  return (written:gsub("\\u(%x%x%x%x)", function(digits)
    return not digits:find("^[dD][89a-fA-F]") and utf8(tonumber(digits, 16)) or nil
  end))
end

-- Whether the value there is the JSON text `said`, in whichever escapes: none makes a text more than six times as long.
local function says(from, to, said)
  return said and to - from < 6 * #said and unescaped(sub(text, from, to)) == said
end

local value  -- defined below: values nest

local function members(at, shape, depth)
  serial = serial + 1
  local fields, mine, known = shape.fields, serial, seen[depth]
  if not known then
    known = {}
    seen[depth] = known
  end
  at = after_blanks(at)
  if byte(text, at) == CLOSE_BRACE then
    return at + 1
  end
  while true do
    if byte(text, at) ~= QUOTE then
      malformed(at, "a name in double quotes")
    end
    local stop, escaped = after_string(at)
    local name = sub(text, at + 1, stop - 2)
    if escaped then
      name = unescaped(name)
    end
    path[depth] = name
    local inner = shape.values or FREE
    if fields then
      local field = fields[name]
      if field then
        name, inner = field.name, field.shape  -- snake_case and lowerCamelCase name the same
      else
        report(depth, "UNKNOWN_FIELD", shape)
      end
    end
    if known[name] == mine then
      report(depth, "DUPLICATE_FIELD", shape)
    end
    known[name] = mine
    at = after_blanks(stop)
    if byte(text, at) ~= COLON then
      malformed(at, "a colon")
    end
    local from = after_blanks(at + 1)
    at = value(from, inner, depth + 1)
    if depth == 1 and outside[name] ~= nil and not says(from, at - 1, outside[name]) then
      report(depth, "CONFLICTING_FIELD", shape)
    end
    at = after_blanks(at)
    local c = byte(text, at)
    if c == CLOSE_BRACE then
      return at + 1
    elseif c ~= COMMA then
      malformed(at, "a comma or }")
    end
    at = after_blanks(at + 1)
  end
end

local function elements(at, shape, depth)
  local count = 0
  at = after_blanks(at)
  if byte(text, at) == CLOSE_BRACKET then
    return at + 1
  end
  while true do
    path[depth] = count
    count = count + 1
    at = after_blanks(value(at, shape, depth + 1))
    local c = byte(text, at)
    if c == CLOSE_BRACKET then
      return at + 1
    elseif c ~= COMMA then
      malformed(at, "a comma or ]")
    end
    at = at + 1
  end
end

-- Numbers and words end where white space or punctuation begins.
local function after_literal(at)
  local from, c = at, byte(text, at)
  while c and (c >= 48 and c <= 57 or c >= 65 and c <= 90 or c >= 97 and c <= 122 or c == 43 or c == 45 or c == 46) do
    at = at + 1
    c = byte(text, at)
  end
  if at == from then
    malformed(at, "a value")
  end
  return at
end

function value(at, shape, depth)
  at = after_blanks(at)
  local c = byte(text, at)
  if c == QUOTE then
    return (after_string(at))
  elseif c ~= OPEN_BRACE and c ~= OPEN_BRACKET then
    return after_literal(at)
  elseif depth > MOST_DEPTH then
    malformed(at, "at most " .. MOST_DEPTH .. " levels of nesting")
  elseif c == OPEN_BRACE and shape == PLAIN then
    malformed(at, "a plain value")
  elseif c == OPEN_BRACE then
    return members(at + 1, shape, depth)
  end
  return elements(at + 1, shape, depth)
end

local function document(shape)
  local at = after_blanks(1)
  if byte(text, at) ~= OPEN_BRACE then
    malformed(at, "a JSON object")
  end
  at = after_blanks(value(at, shape, 1))
  if at <= #text then
    malformed(at, "the end")
  end
end

-- What is wrong with `body` as a message of `shape`: {malformed = sentence}, or {findings = {{path, reason, shape}...},
-- more = number of those that are not named}; nil if nothing is. `given` are fields that the path or the query gives,
-- with the JSON that may be said again (its text between quotes, without escapes), or false.
local function check(body, shape, given)
  text, outside = body, given
  backslash, path, seen, serial, findings, more = 0, {}, {}, 0, {}, 0
  local read, problem = pcall(document, shape)
  local found = findings
  text, path, seen, findings = nil, nil, nil, nil
  if not read then
    if type(problem) ~= "table" then
      error(problem, 0)
    end
    return problem
  end
  return found[1] and {findings = found, more = more} or nil
end

return {check = check, FREE = FREE, PLAIN = PLAIN, MOST_FINDINGS = MOST_FINDINGS, MOST_NAME_BYTES = MOST_NAME_BYTES}

-- Which message a request over REST is meant for, from the contract: its path, its query parameters and its body.

local json = require("json")
local methods = require("methods")  -- made from the descriptor: {messages = ..., bindings = ...}

-- A message's shape (see json.lua), with what its messages are linked to. `is_text`: one of its values may be written as a
-- text, as a time's.
local shapes = {}

local function shape_of(name)
  if name == nil then
    return json.PLAIN
  elseif name == "" then
    return json.FREE
  end
  if shapes[name] == nil then
    local fields = {}
    shapes[name] = {fields = fields, is_text = name:find("^google%.protobuf%.") ~= nil}
    for _, field in ipairs(methods.messages[name]) do
      local shape = shape_of(field.message)
      local linked = {name = field[1], shape = field.map and {values = shape} or shape, repeated = field.repeated}
      fields[field[1]], fields[field[2]] = linked, linked
    end
  end
  return shapes[name]
end

-- Counted from the end: a pattern would look from each slash anew whether they reach it.
local function without_slashes(path)
  local last = #path
  while last > 0 and path:byte(last) == 47 do
    last = last - 1
  end
  return path:sub(1, last)
end

-- Bindings by method, number of segments and verb, which together leave one or two to look at.
local bindings, verbs = {}, {}

-- As the transcoder's own matcher: a verb is one that some path has, and empty segments at the end do not count.
local function key_and_segments(method, path)
  local verb = path:match(":([^:/]*)$")
  if verb and verbs[verb] then
    path = path:sub(1, -2 - #verb)
  else
    verb = ""
  end
  local segments = {}
  for segment in without_slashes(path):gmatch("/([^/]*)") do
    segments[#segments + 1] = segment
  end
  return method .. " " .. #segments .. " " .. verb, segments
end

local function link(binding)
  local request = shape_of(binding.message)
  local body = binding.body == "*" and request or binding.body and request.fields[binding.body].shape
  local prefix = binding.body and binding.body ~= "*" and binding.body .. "." or ""
  local key, segments = key_and_segments(binding.method, binding.path)
  local linked = {request = request, body = body, segments = segments, in_path = {}, in_body = {}, variables = 0}
  for at, segment in ipairs(segments) do
    local variable = segment:match("^{(.*)}$")
    if variable then
      segments[at] = false
      linked.in_path[variable] = true
      linked.in_body[at] = variable:sub(1, #prefix) == prefix and variable:sub(1 + #prefix) or nil
      linked.variables = linked.variables + 1
    end
  end
  bindings[key] = bindings[key] or {}
  table.insert(bindings[key], linked)
  table.sort(bindings[key], function(one, other) return one.variables < other.variables end)  -- literal ones first
end

for _, binding in ipairs(methods.bindings) do
  local verb = binding.path:match(":([^:/{}]*)$")
  if verb then
    verbs[verb] = true
  end
end
for _, binding in ipairs(methods.bindings) do
  link(binding)
end

local function fits(binding, segments)
  for at, literal in ipairs(binding.segments) do
    if literal and literal ~= segments[at] then
      return false
    end
  end
  return true
end

-- What serves `path` (without its query) by `method`: {request = shape, body = shape or nil}; nil if nothing does. And
-- the path's segments.
local function binding_of(method, path)
  local key, segments = key_and_segments(method, path)
  for _, binding in ipairs(bindings[key] or {}) do
    if fits(binding, segments) then
      return binding, segments
    end
  end
end

local function unescaped(text)
  return (text:gsub("%%(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end))
end

-- The field that a parameter names, by its path in the proto's own names, and whether it may come more than once. Nil if
-- there is none; then also the shape that lacks it, and the path to that, with a full stop at its end.
local function parameter(shape, name)
  local steps, field = {}, nil
  for step in (name .. "."):gmatch("([^.]*)%.") do
    if not shape.fields then
      return name, true  -- inside what has no fixed names: the transcoder's to judge
    end
    field = shape.fields[step]
    if field == nil then
      return nil, false, shape, table.concat(steps, ".") .. (steps[1] and "." or "")
    end
    steps[#steps + 1] = field.name
    shape = field.shape
  end
  return table.concat(steps, "."), field.repeated
end

-- Whether a field under the path `above` may be given by the query, itself or by fields of its own.
local function may_be_parameter(binding, above, field)
  if binding.in_path[above .. field.name] or (binding.body and above ~= "") then
    return false
  end
  local shape = field.shape
  return shape == json.PLAIN or shape.is_text or (shape.fields and not binding.body and not field.repeated)
end

-- Why a parameter that names `field` cannot be taken; nil if it can. `given` are those before it.
local function refusal(binding, field, repeated, given)
  if field == nil then
    return "UNKNOWN_PARAMETER"
  elseif binding.in_path[field] then
    return "PARAMETER_IN_PATH"
  elseif binding.body and field:find(".", 1, true) then
    return "PARAMETER_IN_BODY"
  elseif given[field] ~= nil and not repeated then
    return "DUPLICATE_PARAMETER"
  end
end

-- What is wrong with a query, as of json.check, and the fields that it gives, each as false.
local function check_query(binding, query)
  local findings, more, given = {}, 0, {}
  for pair in query:gmatch("[^&]+") do
    local name = unescaped(pair:match("^[^=]*"))
    local field, repeated, shape, above = parameter(binding.request, name)
    local reason = refusal(binding, field, repeated, given)
    given[field or name] = false
    if reason and #findings < json.MOST_FINDINGS then
      local is_known = function(known) return may_be_parameter(binding, above, known) end
      findings[#findings + 1] = {
        path = name:sub(1, json.MOST_NAME_BYTES), reason = reason, shape = shape, is_known = is_known}
    elseif reason then
      more = more + 1
    end
  end
  return findings[1] and {findings = findings, more = more} or nil, given
end

-- What is wrong with a request to `path`, which `binding` serves and which has these `segments`; nil if nothing is.
-- `read_body` gives the body, or nil if there is none.
local function check(binding, segments, query, read_body)
  local problem, given = check_query(binding, query)
  local body = not problem and read_body()
  if not body then
    return problem
  elseif binding.body == nil then
    return not body:find("^%s*{%s*}%s*$") and {malformed = "this method takes no body"} or nil
  end
  for at, field in pairs(binding.in_body) do
    given[field] = '"' .. unescaped(segments[at]) .. '"'
  end
  return json.check(body, binding.body, given)
end

return {binding_of = binding_of, check = check, without_slashes = without_slashes}

-- Errors that the edge itself answers with, as google.rpc.Status: in JSON, and in the bytes that gRPC carries.

-- HTTP status -> {google.rpc.Code, ErrorInfo.reason, message}.
local BY_STATUS = {
  [400] = {3, "MALFORMED_REQUEST", "the request cannot be read"},
  [401] = {16, "API_KEY_MISSING", "this needs an API key"},
  [404] = {5, "UNKNOWN_PATH", "nothing is served at this path with this method"},
  [405] = {12, "METHOD_NOT_ALLOWED", "this path does not take this method"},
  [408] = {4, "REQUEST_TIMEOUT", "the request took too long to arrive"},
  [413] = {3, "REQUEST_TOO_LARGE", "the request body is larger than 4 MiB"},
  [415] = {3, "UNSUPPORTED_MEDIA_TYPE", "the request body must be application/json"},
  [431] = {3, "HEADERS_TOO_LARGE", "the request's headers are over 16 KiB together, or more than 100"},
  [503] = {14, "UNAVAILABLE", "the service cannot be reached now; try again"},
  [504] = {4, "DEADLINE_EXCEEDED", "the service did not answer in time"},
}
local OTHER_CLIENT_ERROR = {9, "REFUSED", "the request was refused"}
local OTHER_SERVER_ERROR = {13, "INTERNAL", "something went wrong inside"}

local DESCRIPTIONS = {
  UNKNOWN_FIELD = "there is no such field",
  DUPLICATE_FIELD = "is given twice",
  UNKNOWN_PARAMETER = "there is no such query parameter",
  DUPLICATE_PARAMETER = "is given twice",
  PARAMETER_IN_PATH = "is given by the path",
  PARAMETER_IN_BODY = "belongs in the body",
  CONFLICTING_FIELD = "is given already, by the path or the query",
}

-- How many bytes the UTF-8 character at `at` has; nil if there is none.
local function character(text, at)
  local _, last = text:find("^[\194-\223][\128-\191]", at)
  if not last then
    _, last = text:find("^[\224-\239][\128-\191][\128-\191]", at)
  end
  if not last then
    _, last = text:find("^[\240-\244][\128-\191][\128-\191][\128-\191]", at)
  end
  return last and last - at + 1
end

-- As a JSON string: it comes from the caller's bytes and need not be valid anything.
local function quoted(text)
  local parts, at = {}, 1
  while at <= #text do
    local length = character(text, at) or 1
    local piece = text:sub(at, at + length - 1)
    if length == 1 then
      piece = piece:gsub("[%z\1-\31\127-\255]", "?"):gsub('[\\"]', "\\%0")
    end
    parts[#parts + 1] = piece
    at = at + length
  end
  return '"' .. table.concat(parts) .. '"'
end

local function status_json(code, reason, message, hint, violations)
  local metadata = hint and string.format(', "metadata": {"hint": %s}', quoted(hint)) or ""
  local details = string.format(
    '{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "%s", "domain": "pulse"%s}', reason, metadata)
  if violations then
    details = details .. ', {"@type": "type.googleapis.com/google.rpc.BadRequest", "field_violations": ['
      .. table.concat(violations, ", ") .. "]}"
  end
  return string.format('{"code": %d, "message": %s, "details": [%s]}', code, quoted(message), details)
end

local function of_status(status)
  return BY_STATUS[status] or (status < 500 and OTHER_CLIENT_ERROR or OTHER_SERVER_ERROR)
end

-- The body of an answer with this HTTP status; `message` and `reason` are more to the point than the status's own, or nil.
local function json(status, message, reason)
  local error = of_status(status)
  return status_json(error[1], reason or error[2], message or error[3])
end

-- What is known where a finding's name is not, or nil if nothing is.
local function hint_of(finding)
  local names, is_known = {}, finding.is_known
  for name, field in pairs(finding.shape.fields) do
    if name == field.name and (not is_known or is_known(field)) then
      names[#names + 1] = name
    end
  end
  table.sort(names)
  return names[1] and "known here: " .. table.concat(names, ", ")
end

-- The body of a 400 that names what does not belong; `problem` as of json.check. A finding's `is_known`, if there is one,
-- says which of its shape's fields could stand there.
local function of_problem(problem)
  if problem.malformed then
    return json(400, problem.malformed)
  end
  local told, violations = {}, {}
  for at, finding in ipairs(problem.findings) do
    local description = DESCRIPTIONS[finding.reason]
    told[at] = finding.path .. ": " .. description
    violations[at] = string.format('{"field": %s, "description": "%s"}', quoted(finding.path), description)
  end
  local first = problem.findings[1]
  local message = table.concat(told, "; ")
  if problem.more > 0 then
    message = message .. "; and " .. problem.more .. " more"
  end
  return status_json(3, first.reason, message, first.reason:find("^UNKNOWN") and hint_of(first), violations)
end

-- One field of a protobuf message in bytes; `content` has less than 16 KiB.
local function field(number, content)
  local size = #content < 128 and string.char(#content)
    or string.char(128 + #content % 128, math.floor(#content / 128))
  return string.char(number * 8 + 2) .. size .. content
end

-- A google.rpc.Status with code RESOURCE_EXHAUSTED (8), as `grpc-status-details-bin` holds it.
local function exhausted_bytes(status)
  local error = BY_STATUS[status]
  local info = field(1, error[2]) .. field(2, "pulse")
  local detail = field(1, "type.googleapis.com/google.rpc.ErrorInfo") .. field(2, info)
  return string.char(8, 8) .. field(2, error[3]) .. field(3, detail)
end

return {json = json, of_problem = of_problem, exhausted_bytes = exhausted_bytes, message = function(status)
  return of_status(status)[3]
end}

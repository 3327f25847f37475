-- The door of Pulse: asks the gateway whether a caller may come in before anything large is taken in from it.
--
-- It sees headers alone. What is said to be small passes, as the gateway asks for the credential itself; so does what has
-- no body. All else waits outside, in the caller's own buffers but for a few windows, until the gateway has answered.

local errors = require("errors")

-- A body of so many bytes is not worth a question; the same as the buffer of routes without one.
local SMALL = 16384

-- Longest wait for the gateway's answer, ms.
local PATIENCE = 2000

-- grpc-status of a refusal -> the HTTP status it has over REST. Nothing else that the gateway could say is one.
local REFUSALS = {["16"] = 401, ["14"] = 503, ["8"] = 431}

local BODILESS = {GET = true, HEAD = true, DELETE = true, OPTIONS = true}

local function may_be_large(headers)
  local length = headers:get("content-length")
  if length ~= nil then
    return (tonumber(length) or math.huge) > SMALL
  end
  return not BODILESS[headers:get(":method")]
end

local function is_asked_for(path)
  return path:find("^/v1/") or path:find("^/api/") or path:find("^/pulse%.gateway%.v1%.")
end

-- What the gateway says of the credential: the headers of its answer, which are all there is of a refusal.
local function asked(handle, headers)
  local question = {
    [":method"] = "POST",
    [":path"] = "/pulse.gateway.v1.DoorService/CheckCredential",
    [":authority"] = "gateway",
    ["content-type"] = "application/grpc",
    ["te"] = "trailers",
    ["authorization"] = headers:get("authorization"),
    ["x-api-key"] = headers:get("x-api-key"),
  }
  return (handle:httpCall("pulse-gateway", question, "\0\0\0\0\0", PATIENCE))  -- an empty message
end

local function unescaped(text)
  return (text:gsub("%%(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end))
end

local function refuse(handle, grpc, status, answer)
  local message = answer["grpc-message"] and unescaped(answer["grpc-message"]) or errors.message(status)
  local headers = {[":status"] = tostring(status), ["retry-after"] = answer["retry-after"]}
  if grpc then
    headers["grpc-status-details-bin"] = answer["grpc-status-details-bin"]
    return handle:respond(headers, message)
  end
  headers["content-type"] = "application/json"
  handle:respond(headers, errors.json(status, message, answer["x-pulse-reason"]))
end

function envoy_on_request(handle)
  local headers = handle:headers()
  if not is_asked_for(headers:get(":path")) or not may_be_large(headers) then
    return
  end
  local content_type = headers:get("content-type") or ""
  local grpc = content_type:find("^application/grpc") ~= nil
  local answer = asked(handle, headers)
  local status = answer[":status"] == "200" and REFUSALS[answer["grpc-status"]] or answer[":status"] ~= "200" and 503
  if status then
    refuse(handle, grpc, status, answer)
  end
end

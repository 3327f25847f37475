-- The edge of Pulse: what the transcoder, which comes next on the way in, leaves undone.
--
-- In:  removes what only Pulse may say; refuses too many headers, and fields and parameters that the contract does not
--      know; takes the slashes off the end of API paths, as the original's URLs have one, and off links and callbacks what
--      others have added to them.
-- Out: gives a reply the HTTP status its service asked for; turns every error into google.rpc.Status that is neither
--      JSON nor a page.
--
-- Pages (routes that say so in their metadata) pass as they are.

local contract = require("contract")
local errors = require("errors")

local BYTE_ORDER_MARK = "\239\187\191"
local COLON = 58

-- Under this name a request is marked to whose answer no body belongs.
local WITHOUT_BODY = "pulse.edge.head"

-- Envoy's own bounds are wider, as it could only end a gRPC call without a word. Of those that it adds itself three stay.
local MOST_HEADERS, MOST_HEADER_BYTES = 100 + 3, 16384

-- What Envoy says in `grpc-message` of a request that it refused -> the HTTP status it would have had.
local TOO_LARGE = {["Payload Too Large"] = 413, [errors.message(431)] = 431}

local function starts_with(text, prefix)
  return text ~= nil and text:find(prefix, 1, true) == 1
end

-- What `judge` said of a text, kept for the next request with it: callers say the same few things again and again. So
-- many are kept at the most, as callers also choose what is kept.
local MOST_KEPT, LONGEST_KEPT = 256, 64

local function kept(judge)
  local said, count = {}, 0
  return function(text)
    local verdict = said[text]
    if verdict == nil then
      verdict = judge(text)
      if #text <= LONGEST_KEPT then
        if count == MOST_KEPT then
          said, count = {}, 0
        end
        said[text], count = verdict, count + 1
      end
    end
    return verdict
  end
end

-- As the transcoder tells it: what looks like gRPC here and like JSON there would pass unread.
local function is_grpc(headers)
  local content_type = headers:get("content-type")
  return content_type == "application/grpc" or starts_with(content_type, "application/grpc+")
end

local function is_api(path)
  return starts_with(path, "/api/") or starts_with(path, "/v1/")
end

-- Headers that nobody outside may send, and those that are removed over REST alone.
local ALWAYS, OVER_REST, NEVER = 1, 2, 3

local removal_of = kept(function(name)
  if starts_with(name, "x-pulse-") or starts_with(name, "x-envoy-") or name == "x-http-code" or name:find("[^:%w_.-]") then
    return ALWAYS
  end
  return (starts_with(name, "grpc-") or name:find("%-bin$")) and OVER_REST or NEVER
end)

-- Removes headers that only services of Pulse or Envoy itself may set; over REST also gRPC's own, which would tell the
-- gateway about an encoding or a deadline that the transcoded call does not have; and what gRPC cannot take, which would
-- end the call: other signs in a name, or a name that promises base64. Tells whether there are too many.
local function remove_internal(headers, grpc)
  local internal, count, bytes = {}, 0, 0
  for name, value in pairs(headers) do
    count, bytes = name:byte() == COLON and count or count + 1, bytes + #name + #value
    local removal = removal_of(name)
    if removal == ALWAYS or (removal == OVER_REST and not grpc) then
      internal[#internal + 1] = name
    end
  end
  for _, name in ipairs(internal) do
    headers:remove(name)
  end
  return count - #internal > MOST_HEADERS or bytes > MOST_HEADER_BYTES
end

local function without_trailing_slash(path)
  local route, query = path:match("^([^?]*)(.*)$")
  return (is_api(route) and contract.without_slashes(route) or route) .. query
end

-- Addresses that Pulse gave away: mail programs, proxies and providers add parameters to them, or a slash.
local function was_given_away(path)
  return starts_with(path, "/unsubscribe/") or starts_with(path, "/files/") or starts_with(path, "/callbacks/")
end

-- No service reads the query of such an address. It goes along as a header, as a provider's signature covers it.
local function without_query(headers, path)
  local route, query = path:match("^([^?]*)%??(.*)$")
  if query ~= "" then
    headers:replace("x-pulse-query", query)
  end
  return contract.without_slashes(route)
end

-- Why a body of this type cannot be JSON in UTF-8; false if it can.
local fault_of_type = kept(function(content_type)
  local kind = content_type:lower():match("^[^;%s]*")
  if kind ~= "application/json" and not kind:match("^application/.+%+json$") then
    return "the request body must be application/json"
  end
  local charset = content_type:lower():match(";%s*charset=\"?([^\";%s]*)")
  if charset ~= nil and charset ~= "utf-8" and charset ~= "utf8" and charset ~= "us-ascii" then
    return "the request body must be in UTF-8"
  end
  return false
end)

-- Where a file is taken as it is, which no JSON is.
local function takes_file(method, path)
  return method == "POST" and path:match("^[^?]*") == "/v1/attachments"
end

-- Why a body cannot be JSON in UTF-8 as it stands, by its headers; nil or false if it can.
local function unreadable(headers)
  local encoding, content_type = headers:get("content-encoding"), headers:get("content-type")
  if encoding ~= nil and encoding:lower() ~= "identity" then
    return "the request body must not be compressed: send it without Content-Encoding"
  end
  return content_type and fault_of_type(content_type)
end

local function refuse(handle, status, body)
  handle:respond({[":status"] = tostring(status), ["content-type"] = "application/json"}, body)
end

-- The body as it is to be read, once it is there; a byte order mark is taken off. Nil: there is none.
local function body_of(handle)
  local buffer = handle:body()
  if buffer == nil then
    return nil
  end
  local body = buffer:getBytes(0, buffer:length())
  if starts_with(body, BYTE_ORDER_MARK) then
    body = body:sub(#BYTE_ORDER_MARK + 1)
    handle:headers():replace("content-length", tostring(buffer:setBytes(body)))
  end
  return body:find("%S") and body or nil
end

-- What is wrong with a request to a path of the API, as of json.check; nil if nothing is, or nothing is served there.
local function problem_with(handle, method, path)
  local route, query = path:match("^([^?]*)%??(.*)$")
  local binding, segments = contract.binding_of(method, route)
  if binding then
    return contract.check(binding, segments, query, function() return body_of(handle) end)
  end
end

function envoy_on_request(handle)
  local headers = handle:headers()
  local grpc = is_grpc(headers)
  if remove_internal(headers, grpc) then
    return refuse(handle, 431, grpc and errors.message(431) or errors.json(431))
  end
  headers:replace("x-pulse-host", headers:get(":authority") or "")
  local as_sent = headers:get(":path")
  if grpc or (not starts_with(as_sent, "/v1/") and handle:metadata():get("page")) then  -- no page is there
    return
  end
  local method = headers:get(":method")
  if method == "HEAD" then
    handle:streamInfo():dynamicMetadata():set(WITHOUT_BODY, "asked", true)
  end
  local path = without_trailing_slash(as_sent)
  if was_given_away(path) then
    path = without_query(headers, path)
  end
  if path ~= as_sent then
    headers:replace(":path", path)
  end
  if not is_api(path) then
    return
  end
  local why = not takes_file(method, path) and unreadable(headers)
  if why then
    return refuse(handle, 415, errors.json(415, why))
  end
  local problem = problem_with(handle, method, path)
  if problem then
    refuse(handle, 400, errors.of_problem(problem))
  end
end

-- A gRPC request that Envoy found too large: it would only say UNKNOWN.
local function explain_too_large(handle, headers)
  local status = headers:get("grpc-status") == "2" and TOO_LARGE[headers:get("grpc-message")]
  if status then
    headers:replace("grpc-status", "8")
    headers:replace("grpc-message", errors.message(status))
    headers:replace("grpc-status-details-bin", handle:base64Escape(errors.exhausted_bytes(status)))
  end
end

-- Whether an answer is an error that nobody has put into a form for its reader.
local function is_bare(handle, headers, status)
  local content_type = headers:get("content-type")
  return status >= 400 and not starts_with(content_type, "application/json") and not starts_with(content_type, "text/html")
    and not handle:metadata():get("page") and handle:streamInfo():dynamicMetadata():get(WITHOUT_BODY) == nil
end

function envoy_on_response(handle)
  local headers = handle:headers()
  if is_grpc(headers) then
    return explain_too_large(handle, headers)
  end
  local asked = headers:get("x-http-code")
  headers:remove("x-http-code")
  if asked ~= nil and asked:match("^[2-5]%d%d$") then
    headers:replace(":status", asked)
  end
  local status = tonumber(headers:get(":status"))
  if not is_bare(handle, headers, status) then
    return
  end
  local body = handle:body(true)
  local message = nil
  if status == 400 and body:length() > 0 then
    message = body:getBytes(0, body:length()):match("^[^\r\n]*")  -- the parser's finding, without the excerpt
  end
  headers = handle:headers()  -- waiting for the body ended the life of the first handle
  headers:replace("content-type", "application/json")
  headers:replace("content-length", tostring(body:setBytes(errors.json(status, message))))
end

-- The edge of Pulse: what the transcoder, which comes next on the way in, leaves undone.
--
-- In:  removes what only Pulse may say; takes one trailing slash off API paths, as the original's URLs have it; takes
--      off links and callbacks what others have added to them.
-- Out: gives a reply the HTTP status its service asked for; turns every error into google.rpc.Status that is neither
--      JSON nor a page.

-- HTTP status of a reply made by Envoy itself -> {google.rpc.Code, ErrorInfo.reason, message}.
local ERRORS = {
  [400] = {3, "MALFORMED_REQUEST", "the request cannot be read"},
  [404] = {5, "UNKNOWN_PATH", "nothing is served at this path with this method"},
  [405] = {12, "METHOD_NOT_ALLOWED", "this path does not take this method"},
  [408] = {4, "REQUEST_TIMEOUT", "the request took too long to arrive"},
  [413] = {3, "REQUEST_TOO_LARGE", "the request body is larger than 4 MiB"},
  [415] = {3, "UNSUPPORTED_MEDIA_TYPE", "the request body must be application/json"},
  [431] = {3, "HEADERS_TOO_LARGE", "the request headers are too large"},
  [503] = {14, "UNAVAILABLE", "the service cannot be reached now; try again"},
  [504] = {4, "DEADLINE_EXCEEDED", "the service did not answer in time"},
}
local OTHER_CLIENT_ERROR = {9, "REFUSED", "the request was refused"}
local OTHER_SERVER_ERROR = {13, "INTERNAL", "something went wrong inside"}

local function starts_with(text, prefix)
  return text ~= nil and text:sub(1, #prefix) == prefix
end

local function is_grpc(headers)
  return starts_with(headers:get("content-type"), "application/grpc")
end

local function is_api(path)
  return starts_with(path, "/api/") or starts_with(path, "/v1/")
end

-- Headers that only services of Pulse or Envoy itself may set; over REST also gRPC's own, which would
-- tell the gateway about an encoding or a deadline that the transcoded call does not have.
local function remove_internal(headers, grpc)
  local internal = {}
  for name, _ in pairs(headers) do
    if starts_with(name, "x-pulse-") or starts_with(name, "x-envoy-") or name == "x-http-code"
        or (not grpc and starts_with(name, "grpc-")) then
      internal[#internal + 1] = name
    end
  end
  for _, name in ipairs(internal) do
    headers:remove(name)
  end
end

local function without_trailing_slash(path)
  local route, query = path:match("^([^?]*)(.*)$")
  if is_api(route) and #route > 1 and route:sub(-1) == "/" then
    route = route:sub(1, -2)
  end
  return route .. query
end

-- Addresses that Pulse gave away: mail programs, proxies and providers add parameters to them, or a slash.
local function was_given_away(path)
  return starts_with(path, "/unsubscribe/") or starts_with(path, "/callbacks/")
end

-- No service reads the query of such an address. It goes along as a header, as a provider's signature covers it.
local function without_query(headers, path)
  local route, query = path:match("^([^?]*)%??(.*)$")
  if query ~= "" then
    headers:replace("x-pulse-query", query)
  end
  return (route:gsub("/+$", ""))
end

local function is_json(content_type)
  local kind = content_type:lower():match("^[^;%s]*")
  return kind == "application/json" or kind:match("^application/.+%+json$") ~= nil
end

-- As a JSON string: what is not plain ASCII comes from the caller's bytes and need not be valid anything.
local function quoted(text)
  local plain = text:gsub("[%z\1-\31\127-\255]", "?"):gsub('[\\"]', "\\%0")
  return '"' .. plain .. '"'
end

local function status_json(error, message)
  return string.format(
    '{"code": %d, "message": %s, "details": [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", '
      .. '"reason": "%s", "domain": "pulse"}]}',
    error[1], quoted(message or error[3]), error[2])
end

function envoy_on_request(handle)
  local headers = handle:headers()
  local grpc = is_grpc(headers)
  remove_internal(headers, grpc)
  if grpc then
    return
  end
  local path = without_trailing_slash(headers:get(":path"))
  if was_given_away(path) then
    path = without_query(headers, path)
  end
  headers:replace(":path", path)
  local content_type = headers:get("content-type")
  if is_api(path) and content_type ~= nil and not is_json(content_type) then
    handle:respond({[":status"] = "415"}, "")
  end
end

function envoy_on_response(handle)
  local headers = handle:headers()
  if is_grpc(headers) then
    return
  end
  local asked = headers:get("x-http-code")
  headers:remove("x-http-code")
  if asked ~= nil and asked:match("^[2-5]%d%d$") then
    headers:replace(":status", asked)
  end
  local status = tonumber(headers:get(":status"))
  local content_type = headers:get("content-type")
  if status < 400 or starts_with(content_type, "application/json") or starts_with(content_type, "text/html") then
    return
  end
  local error = ERRORS[status] or (status < 500 and OTHER_CLIENT_ERROR or OTHER_SERVER_ERROR)
  local body = handle:body(true)
  local message = nil
  if status == 400 and body:length() > 0 then
    message = body:getBytes(0, body:length()):match("^[^\r\n]*")  -- the parser's finding, without the excerpt
  end
  headers = handle:headers()  -- waiting for the body ended the life of the first handle
  headers:replace("content-type", "application/json")
  headers:replace("content-length", tostring(body:setBytes(status_json(error, message))))
end

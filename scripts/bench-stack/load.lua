-- Requests for wrk: `wrk … -s load.lua URL -- OPERATION ITEMS`, the token in TOKEN. The last line printed is JSON.

local operation, items
local threads = 0

function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

function init(arguments)
  operation, items = arguments[1], tonumber(arguments[2])
  math.randomseed(os.time() * 100 + number)
  wrk.headers["authorization"] = "Bearer " .. os.getenv("TOKEN")
  if operation == "issue" then wrk.headers["content-type"] = "application/json" end
end

function request()
  local id = math.random(items)
  if operation == "issue" then
    return wrk.format("POST", "/api/v1/stock/issue", nil, '{"lines":[{"item_id":' .. id .. ',"quantity":1}]}')
  end
  return wrk.format("GET", operation == "point" and "/api/v1/items/" .. id or "/api/v1/items")
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"bytes":%d,"seconds":%.6f,"failed":%d,"p50":%.3f,"p99":%.3f}\n',
    summary.requests, summary.bytes, summary.duration / 1e6,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end

/**
 * The meters once more, in Lua, where Redis runs each script as a whole. A meter's state is one string, packed; a missing one is a meter
 * that was never used. The order of the numbers is that of `MeterWords` and of the classes of this directory.
 */

/** Functions that both scripts need. Times are milliseconds; numbers travel as text with all their digits. */
const common = `
local lenience = 1e-9
local function text(x)
  if x == math.huge then return 'inf' end
  return string.format('%.17g', x)
end
local function clock(arg)
  if arg ~= '' then return tonumber(arg) end
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000 + tonumber(t[2]) / 1000
end
-- kind, limit, per (window or rate), margin, clock error, entries
local function spec(at)
  return {
    kind = ARGV[at], limit = tonumber(ARGV[at + 1]), per = tonumber(ARGV[at + 2]), margin = tonumber(ARGV[at + 3]),
    clockError = tonumber(ARGV[at + 4]), entries = tonumber(ARGV[at + 5])
  }
end
local function load(key, s)
  local packed = redis.call('GET', key)
  if packed then return cmsgpack.unpack(packed) end
  if s.kind == 'sliding' then return { 0, 0, 0, 0, {} } end
  return { 0, 0, 0, 0, 0, 0, 0, 0 }
end
local function lifetime(s, m, now)
  if s.kind == 'bucket' then return m[4] / s.per + 60000 end
  return 2 * (s.per + s.margin + s.clockError) + 60000
end
local function save(key, s, m, now)
  redis.call('SET', key, cmsgpack.pack(m), 'PX', string.format('%d', math.ceil(lifetime(s, m, now))))
end
local function limitOf(s, m)
  if m[3] > 0 and m[3] < s.limit then return m[3] end
  return s.limit
end
local function usable(s, limit)
  if s.kind ~= 'bucket' then return limit end
  return math.max(math.min(1, limit), limit - s.per * s.margin)
end

-- fixed: 4 index, 5 granted before, 6 foreign before, 7 carried, 8 late
local function roll(s, m, venue)
  local index = math.floor((venue - s.clockError) / s.per)
  if index <= m[4] then return end
  m[7] = index == m[4] + 1 and m[8] or 0
  m[8] = 0
  m[6] = m[2]
  m[5] = m[1]
  m[4] = index
end
-- sliding: 4 sum, 5 entries as time, weight, time, weight …
local function expire(s, m, now)
  local entries, span, first = m[5], s.per + s.margin, 1
  while first < #entries and now - entries[first] >= span do
    m[4] = m[4] - entries[first + 1]
    first = first + 2
  end
  if first > 1 then
    local left = {}
    for i = first, #entries do left[#left + 1] = entries[i] end
    m[5] = left
  end
  if #m[5] == 0 then m[4] = 0 end
end
-- bucket: 4 level, 5 since
local function level(s, m, now, venue)
  if s.kind == 'fixed' then
    roll(s, m, venue)
    return m[1] - m[5] + m[7] + m[2] - m[6]
  end
  if s.kind == 'sliding' then
    expire(s, m, now)
    return m[4]
  end
  local fallen = (now - m[5]) * s.per
  if fallen > 0 then return math.max(0, m[4] - fallen) end
  return m[4]
end
local function granule(s, time)
  if s.limit <= s.entries then return nil end
  return math.floor(time / ((s.per + s.margin) / (s.entries - 2)))
end
local function add(s, m, now, venue, weight, foreign)
  if s.kind == 'fixed' then
    roll(s, m, venue)
    local late = s.margin + s.clockError
    if not foreign and venue >= (m[4] + 1) * s.per - late then m[8] = m[8] + weight end
  elseif s.kind == 'bucket' then
    m[4] = level(s, m, now, venue) + weight
    m[5] = math.max(now, m[5])
  else
    expire(s, m, now)
    m[4] = m[4] + weight
    local e = m[5]
    local n = #e
    local here = granule(s, now)
    if n >= 2 and (n / 2 >= s.entries or (here and granule(s, e[n - 1]) == here)) then
      e[n - 1] = math.max(e[n - 1], now)
      e[n] = e[n] + weight
    else
      e[n + 1] = n > 0 and math.max(now, e[n - 1]) or now
      e[n + 2] = weight
    end
  end
end
local function mark(s, m, now, venue)
  if s.kind == 'fixed' then return m[1] end
  return level(s, m, now, venue) - m[2]
end
`

/**
 * KEYS: gates, then meters. ARGV: now or '', the venue's now, number of gates, then per meter its spec (6), weight, share. Answers with
 * granted (1 or 0), how long a gate is closed, then per meter how long to wait and its mark.
 */
export const acquireScript = `${common}
local function fallTo(s, m, target, now, venue)
  if s.kind == 'fixed' then
    local next = (m[4] + 1) * s.per + s.clockError - venue
    if m[8] <= target then return next end
    return next + s.per
  end
  if s.kind == 'bucket' then return (level(s, m, now, venue) - target) / s.per + math.max(0, m[5] - now) end
  local left = m[4] - target
  for i = 1, #m[5], 2 do
    left = left - m[5][i + 1]
    if left <= 0 then return m[5][i] + s.per + s.margin - now end
  end
  return s.per + s.margin
end
local function room(s, m, now, venue, weight, share)
  local limit = usable(s, limitOf(s, m)) * share
  if level(s, m, now, venue) + weight <= limit + lenience then return 0 end
  if weight > limit + lenience then return math.huge end
  return math.max(fallTo(s, m, limit - weight + lenience, now, venue), 1e-9)
end

local now, venue, gates = clock(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local blocked, granted = 0, 1
for i = 1, gates do
  local till = redis.call('GET', KEYS[i])
  if till then blocked = math.max(blocked, tonumber(till) - now) end
end
if blocked > 0 then granted = 0 end
local states, specs, waits = {}, {}, {}
for i = gates + 1, #KEYS do
  local at = 4 + (i - gates - 1) * 8
  local s = spec(at)
  local m = load(KEYS[i], s)
  specs[i], states[i] = s, m
  waits[i] = room(s, m, now, venue, tonumber(ARGV[at + 6]), tonumber(ARGV[at + 7]))
  if waits[i] > 0 then granted = 0 end
end
local answer = { granted, text(blocked) }
for i = gates + 1, #KEYS do
  local s, m = specs[i], states[i]
  local left = 0
  if granted == 1 then
    local weight = tonumber(ARGV[4 + (i - gates - 1) * 8 + 6])
    add(s, m, now, venue, weight, false)
    m[1] = m[1] + weight
    left = mark(s, m, now, venue)
    save(KEYS[i], s, m, now)
  end
  answer[#answer + 1] = text(waits[i])
  answer[#answer + 1] = text(left)
end
return answer
`

/** KEYS: meters. ARGV: now or '', the venue's now, then per meter its spec (6), level ('nan': not told), limit (0), mark ('nan'). */
export const observeScript = `${common}
local function expected(s, m, now, venue, mark)
  local current = level(s, m, now, venue)
  if mark == nil then return current end
  if s.kind ~= 'fixed' then return mark + m[2] end
  if mark <= m[5] then return math.huge end
  return mark - m[5] + m[7] + m[2] - m[6]
end
local now, venue = clock(ARGV[1]), tonumber(ARGV[2])
for i = 1, #KEYS do
  local at = 3 + (i - 1) * 9
  local s = spec(at)
  local m = load(KEYS[i], s)
  local limit = tonumber(ARGV[at + 7])
  if limit > 0 then m[3] = math.max(1, limit) end
  if ARGV[at + 6] ~= 'nan' then
    local mark = nil
    if ARGV[at + 8] ~= 'nan' then mark = tonumber(ARGV[at + 8]) end
    local excess = math.min(tonumber(ARGV[at + 6]), 2 * s.limit) - expected(s, m, now, venue, mark)
    if excess > lenience then
      add(s, m, now, venue, excess, true)
      m[2] = m[2] + excess
    end
  end
  save(KEYS[i], s, m, now)
end
return 1
`

/** KEYS: a gate. ARGV: now or '', milliseconds, 0: open. */
export const blockScript = `
local now = ARGV[1] ~= '' and tonumber(ARGV[1]) or nil
if not now then
  local t = redis.call('TIME')
  now = tonumber(t[1]) * 1000 + tonumber(t[2]) / 1000
end
local time = tonumber(ARGV[2])
if time <= 0 then return redis.call('DEL', KEYS[1]) end
local till = redis.call('GET', KEYS[1])
if till and tonumber(till) >= now + time then return 0 end
redis.call('SET', KEYS[1], string.format('%.17g', now + time), 'PX', string.format('%d', math.ceil(time) + 1000))
return 1
`

import { createHash } from 'node:crypto'

/**
 * The Lua scripts that change anything in Redis. Each is one atomic step on one
 * path: an entry and the generations above it.
 *
 * What all of them keep:
 * - **Deadline.** `ARGV[1]` is a time on this server's clock in milliseconds.
 *   After it a script does nothing and says `LATE`: a command that was caught
 *   in a frozen or reconnecting connection never takes effect after its caller
 *   was told that it failed.
 * - **Ids.** `ARGV[2]` is 12 random bytes that were never used before. It
 *   becomes the id of the frame, and of every generation that the script makes.
 * - The first element of every reply is a status, the second this server's
 *   time in milliseconds.
 *
 * @see https://redis.io/docs/latest/develop/programmability/eval-intro/
 */
export interface Script {
  readonly lua: string
  readonly sha: string
}

/** Statuses: the first element of every reply. */
export const LATE = -1
const REFUSED = 0
export const DONE = 1

/** How long a lease that has lapsed can still be told from one that was given up. */
const LAPSED_LIFE_MS = 60_000

/** How a message on the channel of news begins, before the name of an entry: news of it alone, or of all below too. */
const NEWS_OF_ONE = '='
export const NEWS_OF_TREE = '>'

const PRELUDE = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if now > tonumber(ARGV[1]) then return {${LATE}, now} end
local id = ARGV[2]

-- The frame at a key, or false: for a foreign type too, which a write replaces.
local function frame_at(key)
  local frame = redis.pcall('GET', key)
  if type(frame) == 'table' or not frame then return false end
  if string.sub(frame, 1, 3) ~= 'kc\\1' or #frame < 17 then return false end
  return frame
end

-- Invalidates what stands at a key. A full server takes no tombstone; that it is
-- gone invalidates as well, and only leaves the reason untold.
local function replace(key, value, life)
  local done = redis.pcall('SET', key, value, 'PX', life)
  if type(done) == 'table' and done.err then redis.call('DEL', key) end
end

local function id_of(frame) return string.sub(frame, 5, 16) end

local function digits(number) return string.format('%014d', number) end
local NEVER = digits(0)

-- Whether a frame holds a value: of the usual kind, or of the one that knows of soft expiries.
local function is_value(frame)
  local kind = string.sub(frame, 4, 4)
  return kind == 'V' or kind == 'E'
end
-- Where what follows the generations of a value begins: its body, or its marks.
local function after_generations(value) return 18 + string.byte(value, 17) * 12 end

-- Whether a frame holds a value that was written under the generations at KEYS, from the first-th to the last-th.
local function is_live(frame, first, last)
  if not frame or not is_value(frame) then return false end
  for i = first, last do
    local generation = redis.call('GET', KEYS[i])
    local carried = string.sub(frame, 18 + (i - first) * 12, 17 + (i - first + 1) * 12)
    if not generation or string.sub(generation, 1, 12) ~= carried then return false end
  end
  return true
end

-- How often what lies below a generation was let expire.
local function era_of(generation)
  if string.sub(generation, 14, 14) ~= '~' then return 0 end
  return tonumber(string.sub(generation, 15, 28)) or 0
end

-- The id and the era of a generation that lives at least ttl from now on, and at most
-- a tenth and a minute longer; made if absent. Neither ever changes here: to prolong is
-- not to replace.
local function keep_generation(key, ttl, in_use)
  local generation = redis.call('GET', key)
  if not generation or #generation < 13 then
    redis.call('SET', key, id .. in_use, 'PX', math.ceil(ttl * 1.1) + 60000)
    return id, 0
  end
  local current = string.sub(generation, 1, 12)
  local left = redis.call('PTTL', key)
  local life = left
  if left < ttl then life = math.ceil(ttl * 1.1) + 60000 end
  if in_use == '1' and string.sub(generation, 13, 13) == '0' then
    redis.call('SET', key, current .. '1' .. string.sub(generation, 14), 'PX', life)
  elseif life ~= left then
    redis.call('PEXPIRE', key, life)
  end
  return current, era_of(generation)
end

-- The same of all generations at KEYS, from the first-th on, joined: their ids, then the sum of their eras.
local function keep_generations(first, ttl, in_use)
  local joined, eras = '', 0
  for i = first, #KEYS do
    local current, era = keep_generation(KEYS[i], ttl, in_use)
    joined = joined .. current
    eras = eras + era
  end
  return joined .. digits(eras)
end

-- Whether the generations at KEYS, from the first-th on, are those that were joined so, of the same eras.
local function are_current(first, joined)
  local eras = 0
  for i = first, #KEYS do
    local generation = redis.call('GET', KEYS[i])
    local expected = string.sub(joined, (i - first) * 12 + 1, (i - first + 1) * 12)
    if not generation or string.sub(generation, 1, 12) ~= expected then return false end
    eras = eras + era_of(generation)
  end
  return string.sub(joined, -14) == digits(eras)
end

-- '1' where what stands at an entry's place says that a write was refused for an invalidation after which no
-- value came, else '0'.
local function fenced(frame, first, current)
  if is_live(frame, first, #KEYS) then return '0' end
  if not current or (frame and string.sub(frame, 4, 4) == 'T') then return '1' end
  return '0'
end

-- A new value below generations that were joined so.
local function value_of(joined, body)
  local ids, eras = string.sub(joined, 1, -15), string.sub(joined, -14)
  local kind, marks = 'V', ''
  if eras ~= NEVER then kind, marks = 'E', eras .. NEVER .. '0000' end
  return 'kc\\1' .. kind .. id .. string.char(#ids / 12) .. ids .. marks .. body
end

-- A lease: its token, '1' when somebody waits for it, when it lapses, the generations it
-- started from, joined.
local function lease_at(key)
  local lease = redis.pcall('GET', key)
  if type(lease) ~= 'string' or #lease < 27 then return false end
  return lease
end
local function token_of(lease) return string.sub(lease, 1, 12) end
local function is_awaited(lease) return string.sub(lease, 13, 13) == '1' end
local function lapses_at(lease) return tonumber(string.sub(lease, 14, 27)) end
local function started_from(lease) return string.sub(lease, 28) end
local function set_lease(key, token, awaited, life, started)
  local value = token .. awaited .. digits(now + life) .. started
  redis.call('SET', key, value, 'PX', life + ${LAPSED_LIFE_MS})
end

-- Where a user may not publish, those who wait must look by themselves.
local function publish(channel, message) redis.pcall('PUBLISH', channel, message) end

-- Ends a lease, whoever holds it: its commit is refused, and those who wait for it look again.
local function fence(key, channel, entry)
  local lease = lease_at(key)
  if not lease then return end
  redis.call('DEL', key)
  if is_awaited(lease) then publish(channel, '${NEWS_OF_ONE}' .. entry) end
end
`

/**
 * KEYS  entry, lease, generations above it (outermost first)
 * ARGV  deadline, id, life, body, channel of news, standing id or '', observed generations joined or ''
 *
 * Writes a value, and fences whoever computes it. With a standing id, only while that
 * frame still stands and the observed generations are the current ones: so nothing that
 * was read before an invalidation is ever stored after it. Where it is refused the third
 * element says whether that was for an invalidation, as far as what stands there tells.
 */
export const WRITE = script(`
local life = tonumber(ARGV[3])
local standing, observed = ARGV[6], ARGV[7]
if standing ~= '' then
  local frame = frame_at(KEYS[1])
  local current = are_current(3, observed)
  if not current or not frame or id_of(frame) ~= standing then
    return {${REFUSED}, now, fenced(frame, 3, current)}
  end
end
local above = keep_generations(3, life, '1')
redis.call('SET', KEYS[1], value_of(above, ARGV[4]), 'PX', life)
fence(KEYS[2], ARGV[5], KEYS[1])
return {${DONE}, now}
`)

/**
 * KEYS  entry, lease, generations above it
 * ARGV  deadline, token, life of the lease, '1' if who asks waits for the holder, else '0'
 *
 * Takes the lease unless another's stands: one that has not lapsed, and whose generations
 * are the current ones. Makes the missing generations. Returns whether the last holder let
 * it lapse, then the entry and the generations as they stand: all that the computation
 * starts from; or else the holder's token and how long its lease lasts.
 */
export const ACQUIRE = script(`
local life = tonumber(ARGV[3])
local started = keep_generations(3, life, '0')
local lease = lease_at(KEYS[2])
local awaited, took_over = '0', 0
if lease then
  if token_of(lease) ~= id and started_from(lease) == started then
    if lapses_at(lease) > now then
      if ARGV[4] == '1' and not is_awaited(lease) then
        set_lease(KEYS[2], token_of(lease), '1', lapses_at(lease) - now, started)
      end
      return {${REFUSED}, now, token_of(lease), lapses_at(lease) - now}
    end
    took_over = 1
  end
  if is_awaited(lease) then awaited = '1' end
end
set_lease(KEYS[2], id, awaited, life, started)
local reply = {${DONE}, now, took_over, frame_at(KEYS[1])}
for i = 3, #KEYS do reply[i + 2] = redis.call('GET', KEYS[i]) end
return reply
`)

/**
 * KEYS  lease, generations above its entry
 * ARGV  deadline, token, life of the lease
 *
 * Prolongs a lease, and the generations it started from, only while it stands: it has not
 * lapsed, and nothing was invalidated.
 */
export const RENEW = script(`
local life = tonumber(ARGV[3])
local lease = lease_at(KEYS[1])
if not lease or token_of(lease) ~= id or lapses_at(lease) <= now then return {${REFUSED}, now} end
local started = started_from(lease)
if not are_current(2, started) then return {${REFUSED}, now} end
keep_generations(2, life, '0')
set_lease(KEYS[1], id, string.sub(lease, 13, 13), life, started)
return {${DONE}, now}
`)

/**
 * KEYS  entry, lease, generations above it
 * ARGV  deadline, id, token, life, body, channel of news, id of an unchanged frame or '', length of its payload
 *
 * Writes what was computed and ends the lease, only while the lease stands and the
 * generations are those that it started from. With the id of an unchanged frame the body
 * lacks its payload: it is that frame's, which must still stand. Refused, it replies as
 * `WRITE` does.
 */
export const COMMIT = script(`
local life = tonumber(ARGV[4])
local lease = lease_at(KEYS[2])
if not lease or token_of(lease) ~= ARGV[3] then
  return {${REFUSED}, now, fenced(frame_at(KEYS[1]), 3, true)}
end
local started = started_from(lease)
local current = are_current(3, started)
local stands = lapses_at(lease) > now and current
local body = ARGV[5]
if ARGV[7] ~= '' then
  local frame = frame_at(KEYS[1])
  if not frame or id_of(frame) ~= ARGV[7] then
    stands = false
  elseif ARGV[8] ~= '0' then
    -- Behind the payload of one that was let expire stands who did it.
    local last = #frame
    if string.sub(frame, 4, 4) == 'E' then
      local marks_at = after_generations(frame)
      last = last - tonumber(string.sub(frame, marks_at + 28, marks_at + 31))
    end
    body = body .. string.sub(frame, last - tonumber(ARGV[8]) + 1, last)
  end
end
if not stands then
  fence(KEYS[2], ARGV[6], KEYS[1])
  return {${REFUSED}, now, fenced(frame_at(KEYS[1]), 3, current)}
end
keep_generations(3, life, '1')
redis.call('SET', KEYS[1], value_of(started, body), 'PX', life)
fence(KEYS[2], ARGV[6], KEYS[1])
return {${DONE}, now}
`)

/**
 * KEYS  entry, lease
 * ARGV  deadline, token, channel of news
 *
 * Gives up a lease, if it is still the token's own.
 */
export const RELEASE = script(`
local lease = lease_at(KEYS[2])
if not lease or token_of(lease) ~= id then return {${REFUSED}, now} end
fence(KEYS[2], ARGV[3], KEYS[1])
return {${DONE}, now}
`)

/**
 * KEYS  entry, generations above it
 * ARGV  deadline, id, life of a marker
 *
 * Returns the frame that stands and the values of all generations; plants a marker
 * where nothing stands, or a value that is dead for ever, and makes the missing
 * generations: so there is always an id that an invalidation replaces, and that
 * nobody reclaims.
 */
export const OBSERVE = script(`
local life = tonumber(ARGV[3])
local reply = {${DONE}, now, false}
local frame = frame_at(KEYS[1])
for i = 2, #KEYS do
  keep_generation(KEYS[i], life, '0')
  reply[i + 2] = redis.call('GET', KEYS[i])
end
local was_value = frame and is_value(frame)
if not frame or (was_value and not is_live(frame, 2, #KEYS)) then
  frame = 'kc\\1M' .. id .. string.char(0)
  redis.call('SET', KEYS[1], frame, 'PX', life)
elseif not was_value and redis.call('PTTL', KEYS[1]) < life then
  redis.call('PEXPIRE', KEYS[1], life)
end
reply[3] = frame
return reply
`)

/**
 * KEYS  entry, lease, generations above it; with children last the entry's own generation
 * ARGV  deadline, id, life of the tombstone, provenance, '1' with children else '0', channel of news
 *
 * Leaves a tombstone, whose new id fences whoever observed what stood there, and ends the
 * lease of whoever computes it; with children, a new generation, which fences and invalidates everything below at
 * once, however much it is. The third element says whether anything was there.
 */
export const REMOVE = script(`
local life = tonumber(ARGV[3])
local children = ARGV[5] == '1'
local last = #KEYS
if children then last = last - 1 end
local was = 0
if is_live(frame_at(KEYS[1]), 3, last) then was = 1 end
replace(KEYS[1], 'kc\\1T' .. id .. string.char(0) .. ARGV[4], life)
fence(KEYS[2], ARGV[6], KEYS[1])
if children then
  local own = redis.call('GET', KEYS[#KEYS])
  if own then
    if string.sub(own, 13, 13) == '1' then was = 1 end
    replace(KEYS[#KEYS], id .. '0' .. ARGV[4], life)
    publish(ARGV[6], '${NEWS_OF_TREE}' .. KEYS[1])
  end
end
return {${DONE}, now, was}
`)

/**
 * KEYS  entry, lease, generations above it; with children last the entry's own generation
 * ARGV  deadline, id, who lets it expire, '1' with children else '0', channel of news
 *
 * What stands there goes on standing for as long as it would have, under a new id, which fences whoever observed it;
 * a live value is stale from now on. Ends the lease of whoever computes it. With children the entry's generation
 * keeps its id and enters its next era, which makes stale what was written below in an earlier one, and fences
 * whoever began to compute or fill there, however much it is. The third element says whether anything was there.
 */
export const EXPIRE = script(`
local who, children = ARGV[3], ARGV[4] == '1'
local last = #KEYS
if children then last = last - 1 end
local was = 0
local frame = frame_at(KEYS[1])
if frame then
  local head, eras, body = string.sub(frame, 1, 4), NEVER, ''
  local rest = string.sub(frame, 17)
  if is_live(frame, 3, last) then
    was = 1
    local marks_at = after_generations(frame)
    local body_at, expired_at = marks_at, NEVER
    if string.sub(frame, 4, 4) == 'E' then
      eras = string.sub(frame, marks_at, marks_at + 13)
      expired_at = string.sub(frame, marks_at + 14, marks_at + 27)
      body_at = marks_at + 32
    end
    -- To let expire again is not to begin its grace again.
    if expired_at == NEVER then
      head = 'kc\\1E'
      rest = string.sub(frame, 17, marks_at - 1) .. eras .. digits(now) .. string.format('%04d', #who)
        .. string.sub(frame, body_at) .. who
    end
  end
  replace(KEYS[1], head .. id .. rest, redis.call('PTTL', KEYS[1]))
end
fence(KEYS[2], ARGV[5], KEYS[1])
if children then
  local own = redis.call('GET', KEYS[#KEYS])
  if own and #own >= 13 then
    if string.sub(own, 13, 13) == '1' then was = 1 end
    local deleted_by = string.sub(own, 14)
    if string.sub(own, 14, 14) == '~' then deleted_by = string.sub(own, (string.find(own, '\\n', 43, true) or #own) + 1) end
    local mark = '~' .. digits(era_of(own) + 1) .. digits(now) .. who .. '\\n'
    replace(KEYS[#KEYS], string.sub(own, 1, 13) .. mark .. deleted_by, redis.call('PTTL', KEYS[#KEYS]))
    publish(ARGV[5], '${NEWS_OF_TREE}' .. KEYS[1])
  end
end
return {${DONE}, now, was}
`)

/**
 * KEYS  the topmost generation
 * ARGV  deadline, id, its life, provenance, channel of news
 *
 * Replaces the generation that every entry carries: nothing under the prefix is live any more.
 */
export const CLEAR = script(`
replace(KEYS[1], id .. '0' .. ARGV[4], tonumber(ARGV[3]))
publish(ARGV[5], '${NEWS_OF_TREE}')
return {${DONE}, now}
`)

/**
 * KEYS  entries
 * ARGV  deadline, id (unused), the id of the frame found dead in each entry's place
 *
 * Reclaims dead entries: each only while the very frame that was found dead still stands.
 */
export const RECLAIM = script(`
local gone = 0
for i = 1, #KEYS do
  local frame = frame_at(KEYS[i])
  if frame and id_of(frame) == ARGV[i + 2] then gone = gone + redis.call('UNLINK', KEYS[i]) end
end
return {${DONE}, now, gone}
`)

/**
 * KEYS  the probe
 * ARGV  deadline, id
 *
 * Proves that this server takes a write and gives it back.
 */
export const PROBE = script(`
redis.call('SET', KEYS[1], id, 'PX', 60000)
return {${DONE}, now, redis.call('GET', KEYS[1])}
`)

/**
 * KEYS  the secret
 * ARGV  deadline, id (unused), the secret if there is none, its life
 *
 * Gives the secret, which is the same for all who ask until nobody has asked for as long as it lives.
 */
export const SECRET = script(`
local secret = redis.pcall('GET', KEYS[1])
if type(secret) ~= 'string' or #secret ~= #ARGV[3] then
  secret = ARGV[3]
  redis.call('SET', KEYS[1], secret, 'PX', ARGV[4])
else
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
end
return {${DONE}, now, secret}
`)

/**
 * KEYS  figures, processes, the process's own hash, events, requests, a page of fine history, one of coarse history
 * ARGV  deadline, id (unused), process, sequence, about it, gone after, life of a process, life of all,
 *       most figures, family of the rest, most events, most requests, fine step, its life, coarse step, its life,
 *       then five lists, each after its length: fields and counts of families, figures and counts of the process,
 *       of history, events, requests
 *
 * Takes what a process has counted since its last report: once, by the sequence, however often it is sent.
 */
export const REPORT = script(`
local process, sequence = ARGV[3], tonumber(ARGV[4])
local last = tonumber(redis.call('HGET', KEYS[3], 'sequence') or '0')
redis.call('ZADD', KEYS[2], now, process)
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - tonumber(ARGV[6]) - 1)
redis.call('HSET', KEYS[3], 'about', ARGV[5])
redis.call('PEXPIRE', KEYS[3], ARGV[7])
redis.call('PEXPIRE', KEYS[2], ARGV[7])
if sequence <= last then return {${DONE}, now} end
redis.call('HSET', KEYS[3], 'sequence', sequence)

local at = 17
local function list(take, width)
  local length = tonumber(ARGV[at])
  for i = at + 1, at + length, width do take(ARGV[i], ARGV[i + 1]) end
  at = at + 1 + length
end

redis.call('HSETNX', KEYS[1], '\\0', now)
local is_full = redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[9])
list(function(field, count)
  if is_full and redis.call('HEXISTS', KEYS[1], field) == 0 then
    field = ARGV[10] .. string.sub(field, string.find(field, '\\0', 1, true), -1)
  end
  redis.call('HINCRBY', KEYS[1], field, count)
end, 2)
redis.call('PEXPIRE', KEYS[1], ARGV[8])
list(function(name, count) redis.call('HINCRBY', KEYS[3], '\\0' .. name, count) end, 2)
local grew = tonumber(ARGV[at]) > 0
list(function(name, count)
  redis.call('HINCRBY', KEYS[6], ARGV[13] .. name, count)
  redis.call('HINCRBY', KEYS[7], ARGV[15] .. name, count)
end, 2)
if grew then
  redis.call('PEXPIRE', KEYS[6], ARGV[14])
  redis.call('PEXPIRE', KEYS[7], ARGV[16])
end
for i, most in ipairs({ARGV[11], ARGV[12]}) do
  local key = KEYS[3 + i]
  if tonumber(ARGV[at]) > 0 then
    list(function(item) redis.call('LPUSH', key, item) end, 1)
    redis.call('LTRIM', key, 0, tonumber(most) - 1)
    redis.call('PEXPIRE', key, ARGV[8])
  else
    at = at + 1
  end
end
return {${DONE}, now}
`)

/**
 * KEYS  table of traces
 * ARGV  deadline, id (unused), life of the table, bytes of a slot, then of each trace where its slot begins, and what
 *       it is to begin with: a fingerprint and the trace
 *
 * Remembers what became of keys. A slot keeps the newest trace of its name and the one before it, in whatever order
 * they are told, and told twice is told once; another name's slot is taken over.
 */
export const REMEMBER = script(`
local length = tonumber(ARGV[4])
-- A foreign type gives way: else nothing would be told any more.
if type(redis.pcall('STRLEN', KEYS[1])) ~= 'number' then redis.call('DEL', KEYS[1]) end
-- When a trace happened, the seven bytes from its kind on being its kind and its time.
local function moment(slot, from)
  local time = 0
  for i = from + 1, from + 6 do time = time * 256 + string.byte(slot, i) end
  return time
end
for i = 5, #ARGV, 2 do
  local start, told = tonumber(ARGV[i]), ARGV[i + 1]
  local slot = redis.call('GETRANGE', KEYS[1], start, start + length - 1)
  local other = string.rep('\0', 13)
  if #slot == length and string.sub(slot, 1, 6) == string.sub(told, 1, 6) then
    local newest, before = string.sub(slot, 7, 19), string.sub(slot, 20, 32)
    local at, told_at = moment(newest, 1), moment(told, 7)
    if told_at > at then
      other = newest
    elseif told_at < at and told_at > moment(before, 1) then
      other = string.sub(told, 7, 19)
      told = string.sub(told, 1, 6) .. newest
    else
      told = false
    end
  end
  if told then redis.call('SETRANGE', KEYS[1], start, told .. other) end
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return {${DONE}, now}
`)

/**
 * KEYS  table of traces
 * ARGV  deadline, id (unused), bytes of a slot, then where each slot begins
 *
 * Gives the slots, in their order; of one that was never written, or where a foreign type stands, an empty text.
 */
export const RECALL = script(`
local length = tonumber(ARGV[3])
local reply = {${DONE}, now}
for i = 4, #ARGV do
  local start = tonumber(ARGV[i])
  local slot = redis.pcall('GETRANGE', KEYS[1], start, start + length - 1)
  reply[i - 1] = type(slot) == 'string' and slot or ''
end
return reply
`)

export const SCRIPTS = [
  WRITE,
  ACQUIRE,
  RENEW,
  COMMIT,
  RELEASE,
  OBSERVE,
  REMOVE,
  EXPIRE,
  CLEAR,
  RECLAIM,
  PROBE,
  SECRET,
  REPORT,
  REMEMBER,
  RECALL,
]

function script(body: string): Script {
  const lua = PRELUDE + body
  return { lua, sha: createHash('sha1').update(lua).digest('hex') }
}

import { DIGITS } from '../../../entry/digits.js'
import { MAX_ERA, MAX_GENERATION_BYTES } from '../../../entry/generation.js'
import { MAX_FRAME_BYTES } from '../../../entry/layout.js'
import { MAX_LEASE_BYTES, MAX_LEASE_MS } from '../../../entry/lease.js'

/** How long a lease that has lapsed can still be told from one that was given up. */
const LAPSED_LIFE_MS = 60_000

/** How a message on the channel of news begins, before the name of an entry: news of it alone, or of all below too. */
const NEWS_OF_ONE = '='
export const NEWS_OF_TREE = '>'
/** News of one entry: its computation has ended with a value that is not stored. */
export const NEWS_IN_VAIN = '!'

/** A number as it is written, as a pattern of Lua. */
const DIGITS_PATTERN = '%d'.repeat(DIGITS)

/** Enough for a frame without its payload, and for all of a tombstone. */
const HEAD_BYTES = 8_192

/** What scripts say about frames, generations and leases; each begins with all of it, after `now` and `id`. */
export const FRAGMENTS = `
-- The bytes of what stands at a key up to the last-th, from 0 on, or false: for a foreign type too, which a write
-- replaces. Never the whole of what others may have put there, however large it is. The last is a text: Redis
-- would turn a number into one, which costs as much as the read.
local function head_at(key, last)
  local head = redis.pcall('GETRANGE', key, '0', last)
  if type(head) ~= 'string' or head == '' then return false end
  return head
end

-- The frame at a key, or false where none of ours stands: as much of it as tells all but its payload.
local function frame_at(key)
  local frame = head_at(key, '${HEAD_BYTES - 1}')
  if not frame or #frame < 17 or string.sub(frame, 1, 3) ~= 'kc\\1' then return false end
  if not string.find('VETM', string.sub(frame, 4, 4), 1, true) then return false end
  if #frame == ${HEAD_BYTES} and redis.call('STRLEN', key) > ${MAX_FRAME_BYTES} then return false end
  return frame
end
-- All of a frame of which this is the beginning.
local function whole_at(key, frame)
  if frame and #frame == ${HEAD_BYTES} then return redis.call('GET', key) end
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

-- The generation at a key, or false where none of ours stands: JavaScript's isGeneration says the same.
local function generation_at(key)
  local generation = head_at(key, '${MAX_GENERATION_BYTES}')
  if not generation or #generation < 13 or #generation > ${MAX_GENERATION_BYTES} then return false end
  local flag, info = string.byte(generation, 13, 14)
  if flag ~= 48 and flag ~= 49 then return false end
  if info == nil or info == 123 then return generation end
  if not string.find(generation, '^~${DIGITS_PATTERN}${DIGITS_PATTERN}[^\\n]*\\n', 14) then return false end
  if tonumber(string.sub(generation, 15, 28)) > ${MAX_ERA} then return false end
  return generation
end

-- Whether a frame holds a value that was written under the generations at KEYS, from the first-th to the last-th.
local function is_live(frame, first, last)
  if not frame or not is_value(frame) or string.byte(frame, 17) ~= last - first + 1 then return false end
  for i = first, last do
    local generation = generation_at(KEYS[i])
    local carried = string.sub(frame, 18 + (i - first) * 12, 17 + (i - first + 1) * 12)
    if not generation or string.sub(generation, 1, 12) ~= carried then return false end
  end
  return true
end

-- How often what lies below a generation was let expire.
local function era_of(generation)
  if string.sub(generation, 14, 14) ~= '~' then return 0 end
  return tonumber(string.sub(generation, 15, 28))
end

-- The id and the era of a generation that lives at least ttl from now on, and at most
-- a tenth and a minute longer; made if absent. Neither ever changes here: to prolong is
-- not to replace.
local function keep_generation(key, ttl, in_use)
  local generation = generation_at(key)
  if not generation then
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
    local generation = generation_at(KEYS[i])
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
  local lease = head_at(key, '${MAX_LEASE_BYTES}')
  if not lease or #lease > ${MAX_LEASE_BYTES} or not string.find(lease, '^[01]${DIGITS_PATTERN}', 13) then return false end
  if tonumber(string.sub(lease, 14, 27)) > now + ${MAX_LEASE_MS} then return false end
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

-- Ends a lease, whoever holds it: its commit is refused, and those who wait for it look again, or
-- compute for themselves where it was in vain.
local function fence(key, channel, entry, in_vain)
  local lease = lease_at(key)
  if not lease then return end
  redis.call('DEL', key)
  if not is_awaited(lease) then return end
  publish(channel, (in_vain and '${NEWS_IN_VAIN}' or '${NEWS_OF_ONE}') .. entry)
end
`

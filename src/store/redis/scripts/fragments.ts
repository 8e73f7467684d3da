import { DIGITS } from '../../../entry/digits.js'
import { ERA_AT, IN_USE_AT, MARK_AT, MAX_ERA, MAX_GENERATION_BYTES } from '../../../entry/generation.js'
import {
  COUNT_AT,
  GENERATIONS_AT,
  ID_AT,
  ID_BYTES,
  KIND_AT,
  KIND_BYTE,
  MAGIC,
  MARKED_VALUE,
  MAX_FRAME_BYTES,
  VERSION,
  WHO_DIGITS,
} from '../../../entry/layout.js'
import { AWAITED_AT, LAPSES_AT, MAX_LEASE_BYTES, MAX_LEASE_MS, STARTED_AT } from '../../../entry/lease.js'
import { byteAt, position, rest, slice } from './lua.js'

/** How long a lease that has lapsed can still be told from one that was given up. */
const LAPSED_LIFE_MS = 60_000

/** How a message on the channel of news begins, before the name of an entry: news of it alone, or of all below too. */
const NEWS_OF_ONE = '='
export const NEWS_OF_TREE = '>'
/** News of one entry: its computation has ended with a value that is not stored. */
export const NEWS_IN_VAIN = '!'

/** How every frame begins, as Lua writes it. */
export const MAGIC_AND_VERSION = `${MAGIC}\\${VERSION}`

/** The letter of each kind of frame. */
export const KIND = {
  value: String.fromCharCode(KIND_BYTE.value),
  marked: String.fromCharCode(MARKED_VALUE),
  tombstone: String.fromCharCode(KIND_BYTE.tombstone),
  marker: String.fromCharCode(KIND_BYTE.marker),
}
const KINDS = Object.values(KIND).join('')

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
  if not frame or #frame < ${GENERATIONS_AT} or ${slice('frame', 0, KIND_AT)} ~= '${MAGIC_AND_VERSION}' then return false end
  if not string.find('${KINDS}', ${slice('frame', KIND_AT, 1)}, 1, true) then return false end
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

local function id_of(frame) return ${slice('frame', ID_AT, ID_BYTES)} end

local function digits(number) return string.format('%0${DIGITS}d', number) end
local NEVER = digits(0)

-- Whether a frame holds a value: of the usual kind, or of the one that knows of soft expiries.
local function is_value(frame)
  local kind = ${slice('frame', KIND_AT, 1)}
  return kind == '${KIND.value}' or kind == '${KIND.marked}'
end
-- Where what follows the generations of a value begins: its body, or its marks.
local function after_generations(value) return ${position(GENERATIONS_AT)} + ${byteAt('value', COUNT_AT)} * ${ID_BYTES} end

-- The generation at a key, or false where none of ours stands: JavaScript's isGeneration says the same.
local function generation_at(key)
  local generation = head_at(key, '${MAX_GENERATION_BYTES}')
  if not generation or #generation < ${MARK_AT} or #generation > ${MAX_GENERATION_BYTES} then return false end
  local flag, info = string.byte(generation, ${position(IN_USE_AT)}, ${position(MARK_AT)})
  if flag ~= 48 and flag ~= 49 then return false end
  if info == nil or info == 123 then return generation end
  if not string.find(generation, '^~${DIGITS_PATTERN}${DIGITS_PATTERN}[^\\n]*\\n', ${position(MARK_AT)}) then return false end
  if tonumber(${slice('generation', ERA_AT, DIGITS)}) > ${MAX_ERA} then return false end
  return generation
end

-- Whether a frame holds a value that was written under the generations at KEYS, from the first-th to the last-th.
local function is_live(frame, first, last)
  if not frame or not is_value(frame) or ${byteAt('frame', COUNT_AT)} ~= last - first + 1 then return false end
  for i = first, last do
    local generation = generation_at(KEYS[i])
    local carried = string.sub(frame, ${position(GENERATIONS_AT)} + (i - first) * ${ID_BYTES}, ${GENERATIONS_AT} + (i - first + 1) * ${ID_BYTES})
    if not generation or ${slice('generation', 0, ID_BYTES)} ~= carried then return false end
  end
  return true
end

-- How often what lies below a generation was let expire.
local function era_of(generation)
  if ${slice('generation', MARK_AT, 1)} ~= '~' then return 0 end
  return tonumber(${slice('generation', ERA_AT, DIGITS)})
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
  local current = ${slice('generation', 0, ID_BYTES)}
  local left = redis.call('PTTL', key)
  local life = left
  if left < ttl then life = math.ceil(ttl * 1.1) + 60000 end
  if in_use == '1' and ${slice('generation', IN_USE_AT, 1)} == '0' then
    redis.call('SET', key, current .. '1' .. ${rest('generation', MARK_AT)}, 'PX', life)
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
    local expected = string.sub(joined, (i - first) * ${ID_BYTES} + 1, (i - first + 1) * ${ID_BYTES})
    if not generation or ${slice('generation', 0, ID_BYTES)} ~= expected then return false end
    eras = eras + era_of(generation)
  end
  return string.sub(joined, -${DIGITS}) == digits(eras)
end

-- '1' where what stands at an entry's place says that a write was refused for an invalidation after which no
-- value came, else '0'.
local function fenced(frame, first, current)
  if is_live(frame, first, #KEYS) then return '0' end
  if not current or (frame and ${slice('frame', KIND_AT, 1)} == '${KIND.tombstone}') then return '1' end
  return '0'
end

-- A new value below generations that were joined so.
local function value_of(joined, body)
  local ids, eras = string.sub(joined, 1, -${DIGITS + 1}), string.sub(joined, -${DIGITS})
  local kind, marks = '${KIND.value}', ''
  if eras ~= NEVER then kind, marks = '${KIND.marked}', eras .. NEVER .. '${'0'.repeat(WHO_DIGITS)}' end
  return '${MAGIC_AND_VERSION}' .. kind .. id .. string.char(#ids / ${ID_BYTES}) .. ids .. marks .. body
end

-- A lease: its token, '1' when somebody waits for it, when it lapses, the generations it
-- started from, joined.
local function lease_at(key)
  local lease = head_at(key, '${MAX_LEASE_BYTES}')
  if not lease or #lease > ${MAX_LEASE_BYTES} or not string.find(lease, '^[01]${DIGITS_PATTERN}', ${position(AWAITED_AT)}) then return false end
  if tonumber(${slice('lease', LAPSES_AT, DIGITS)}) > now + ${MAX_LEASE_MS} then return false end
  return lease
end
local function token_of(lease) return ${slice('lease', 0, ID_BYTES)} end
local function is_awaited(lease) return ${slice('lease', AWAITED_AT, 1)} == '1' end
local function lapses_at(lease) return tonumber(${slice('lease', LAPSES_AT, DIGITS)}) end
local function started_from(lease) return ${rest('lease', STARTED_AT)} end
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

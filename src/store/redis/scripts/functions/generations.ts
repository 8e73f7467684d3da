import { DIGITS } from '../../../../entry/digits.js'
import {
  ERA_AT,
  IN_USE,
  IN_USE_AT,
  MARK_AT,
  MARK_BEGINS,
  MARK_ENDS,
  MAX_ERA,
  MAX_GENERATION_BYTES,
  PROVENANCE_BEGINS,
  UNUSED,
} from '../../../../entry/generation.js'
import { COUNT_AT, GENERATIONS_AT, ID_BYTES, KIND_AT } from '../../../../entry/layout.js'
import { DIGITS_PATTERN } from './bytes.js'
import { KIND } from './frames.js'
import { byteAt, char, position, rest, slice } from './lua.js'

/** Lua functions that read, make and compare generations. They accept what `isGeneration` accepts. */
export const GENERATIONS = `
-- The generation under a key, or false if there is none.
local function generation_at(key)
  local generation = head_at(key, '${MAX_GENERATION_BYTES}')
  if not generation or #generation < ${MARK_AT} or #generation > ${MAX_GENERATION_BYTES} then return false end
  local flag, info = string.byte(generation, ${position(IN_USE_AT)}, ${position(MARK_AT)})
  if flag ~= ${UNUSED} and flag ~= ${IN_USE} then return false end
  if info == nil or info == ${PROVENANCE_BEGINS} then return generation end
  if not string.find(generation, '^${char(MARK_BEGINS)}${DIGITS_PATTERN}${DIGITS_PATTERN}[^${char(MARK_ENDS)}]*${char(MARK_ENDS)}', ${position(MARK_AT)}) then return false end
  if tonumber(${slice('generation', ERA_AT, DIGITS)}) > ${MAX_ERA} then return false end
  return generation
end

-- Whether a frame holds a value that was written under the generations KEYS[first] to KEYS[last].
local function is_live(frame, first, last)
  if not frame or not is_value(frame) or ${byteAt('frame', COUNT_AT)} ~= last - first + 1 then return false end
  for i = first, last do
    local generation = generation_at(KEYS[i])
    local carried = string.sub(frame, ${position(GENERATIONS_AT)} + (i - first) * ${ID_BYTES}, ${GENERATIONS_AT} + (i - first + 1) * ${ID_BYTES})
    if not generation or ${slice('generation', 0, ID_BYTES)} ~= carried then return false end
  end
  return true
end

-- The era of a generation; 0 before its first soft expiry.
local function era_of(generation)
  if ${slice('generation', MARK_AT, 1)} ~= '${char(MARK_BEGINS)}' then return 0 end
  return tonumber(${slice('generation', ERA_AT, DIGITS)})
end

-- Makes a generation if it is absent, and prolongs it so that it lives for at least ttl and at most a tenth and a
-- minute longer. Returns its id and its era, which this never changes.
local function keep_generation(key, ttl, in_use)
  local generation = generation_at(key)
  if not generation then
    redis.call('SET', key, id .. in_use, 'PX', math.ceil(ttl * 1.1) + 60000)
    return id, 0
  end
  local current = ${slice('generation', 0, ID_BYTES)}
  local remaining = redis.call('PTTL', key)
  local life = remaining
  if remaining < ttl then life = math.ceil(ttl * 1.1) + 60000 end
  if in_use == '${char(IN_USE)}' and ${slice('generation', IN_USE_AT, 1)} == '${char(UNUSED)}' then
    redis.call('SET', key, current .. '${char(IN_USE)}' .. ${rest('generation', MARK_AT)}, 'PX', life)
  elseif life ~= remaining then
    redis.call('PEXPIRE', key, life)
  end
  return current, era_of(generation)
end

-- Does the same for KEYS[first] and all after it. Returns them joined: their ids, then the sum of their eras.
local function keep_generations(first, ttl, in_use)
  local joined, eras = '', 0
  for i = first, #KEYS do
    local current, era = keep_generation(KEYS[i], ttl, in_use)
    joined = joined .. current
    eras = eras + era
  end
  return joined .. digits(eras)
end

-- Whether the generations KEYS[first] and all after it have the ids and the sum of eras that were joined.
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

-- '1' if a write was refused because of an invalidation after which no value was stored, else '0'. frame is what is
-- stored now, and current is whether the generations of the write are still the current ones.
local function was_fenced(frame, first, current)
  if is_live(frame, first, #KEYS) then return '0' end
  if not current or (frame and ${slice('frame', KIND_AT, 1)} == '${KIND.tombstone}') then return '1' end
  return '0'
end
`

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
import { ID_BYTES } from '../../../../entry/layout.js'
import { DIGITS_PATTERN } from './bytes.js'
import { char, position, rest, slice } from './lua.js'

/** Lua functions that read and make generations. They accept what `isGeneration` accepts. */
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

-- The era of a generation; 0 before its first soft expiry.
local function era_of(generation)
  if ${slice('generation', MARK_AT, 1)} ~= '${char(MARK_BEGINS)}' then return 0 end
  return tonumber(${slice('generation', ERA_AT, DIGITS)})
end

-- Makes a generation if it is absent, and prolongs it so that it lives for at least ttl and at most a tenth and a
-- minute longer. Returns it and its life; its id and its era are never changed here.
local function keep_generation(key, ttl, in_use)
  local generation = generation_at(key)
  local long = math.ceil(ttl * 1.1) + 60000
  if not generation then
    generation = id .. in_use
    redis.call('SET', key, generation, 'PX', long)
    return generation, long
  end
  local remaining = redis.call('PTTL', key)
  local life = remaining
  if remaining < ttl then life = long end
  if in_use == '${char(IN_USE)}' and ${slice('generation', IN_USE_AT, 1)} == '${char(UNUSED)}' then
    generation = ${slice('generation', 0, ID_BYTES)} .. '${char(IN_USE)}' .. ${rest('generation', MARK_AT)}
    redis.call('SET', key, generation, 'PX', life)
  elseif life ~= remaining then
    redis.call('PEXPIRE', key, life)
  end
  return generation, life
end
`

import { DIGITS } from '../../../entry/digits.js'
import { IN_USE_AT, MARK_AT, WHO_AT } from '../../../entry/generation.js'
import {
  COUNT_AT,
  ID_AT,
  KIND_AT,
  MARKED_ERAS_AT,
  MARKED_EXPIRY_AT,
  VALUE_MARK_BYTES,
  WHO_DIGITS,
} from '../../../entry/layout.js'
import { KIND, MAGIC_AND_VERSION, NEWS_OF_TREE } from './fragments.js'
import { position, rest, slice, sliceBehind } from './lua.js'
import { DONE, script } from './script.js'

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
replace(KEYS[1], '${MAGIC_AND_VERSION}${KIND.tombstone}' .. id .. string.char(0) .. ARGV[4], life)
fence(KEYS[2], ARGV[6], KEYS[1])
if children then
  local own = generation_at(KEYS[#KEYS])
  if own then
    if ${slice('own', IN_USE_AT, 1)} == '1' then was = 1 end
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
local frame = whole_at(KEYS[1], frame_at(KEYS[1]))
if frame then
  local head, eras, body = ${slice('frame', 0, ID_AT)}, NEVER, ''
  local rest = ${rest('frame', COUNT_AT)}
  if is_live(frame, 3, last) then
    was = 1
    local marks_at = after_generations(frame)
    local body_at, expired_at = marks_at, NEVER
    if ${slice('frame', KIND_AT, 1)} == '${KIND.marked}' then
      eras = ${sliceBehind('marks_at', 'frame', MARKED_ERAS_AT, DIGITS)}
      expired_at = ${sliceBehind('marks_at', 'frame', MARKED_EXPIRY_AT, DIGITS)}
      body_at = marks_at + ${VALUE_MARK_BYTES}
    end
    -- To let expire again is not to begin its grace again.
    if expired_at == NEVER then
      head = '${MAGIC_AND_VERSION}${KIND.marked}'
      rest = string.sub(frame, ${position(COUNT_AT)}, marks_at - 1) .. eras .. digits(now) .. string.format('%0${WHO_DIGITS}d', #who)
        .. string.sub(frame, body_at) .. who
    end
  end
  replace(KEYS[1], head .. id .. rest, redis.call('PTTL', KEYS[1]))
end
fence(KEYS[2], ARGV[5], KEYS[1])
if children then
  local own = generation_at(KEYS[#KEYS])
  if own then
    if ${slice('own', IN_USE_AT, 1)} == '1' then was = 1 end
    local deleted_by = ${rest('own', MARK_AT)}
    if ${slice('own', MARK_AT, 1)} == '~' then deleted_by = string.sub(own, (string.find(own, '\\n', ${position(WHO_AT)}, true) or #own) + 1) end
    local mark = '~' .. digits(era_of(own) + 1) .. digits(now) .. who .. '\\n'
    replace(KEYS[#KEYS], ${slice('own', 0, MARK_AT)} .. mark .. deleted_by, redis.call('PTTL', KEYS[#KEYS]))
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

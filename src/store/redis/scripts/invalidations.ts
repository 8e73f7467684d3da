import { DIGITS } from '../../../entry/digits.js'
import {
  IN_USE,
  IN_USE_AT,
  MARK_AT,
  MARK_BEGINS,
  MARK_ENDS,
  MAX_ERA,
  UNUSED,
  WHO_AT,
} from '../../../entry/generation.js'
import {
  COUNT_AT,
  ID_AT,
  KIND_AT,
  MARKED_ERAS_AT,
  MARKED_EXPIRY_AT,
  VALUE_MARK_BYTES,
  WRITER_DIGITS,
} from '../../../entry/layout.js'
import { KIND, MAGIC_AND_VERSION } from './functions/frames.js'
import { LEASE_EVENT } from './functions/leases.js'
import { char, position, rest, slice, sliceAfter } from './functions/lua.js'
import { DONE, script } from './script.js'

/**
 * KEYS  entry, lease; with children, last the entry's own generation
 * ARGV  deadline, id, life of the tombstone, provenance, channel of lease events
 *
 * Replaces the entry by a tombstone under a new id, so that fills of earlier observations are refused, and ends the
 * lease, so that its commit is refused. With children, replaces the entry's generation: everything below is dead from
 * then on, at a cost that does not grow with it. Returns the beginning of the frame that was stored, and 1 if something was
 * written below the generation.
 */
export const REMOVE = script(`
local life = tonumber(ARGV[3])
local frame, was = head_of(frame_at(KEYS[1])), 0
replace(KEYS[1], '${MAGIC_AND_VERSION}${KIND.tombstone}' .. id .. string.char(0) .. ARGV[4], life)
end_lease(KEYS[2], ARGV[5], KEYS[1])
local own = KEYS[3] and generation_at(KEYS[3])
if own then
  if ${slice('own', IN_USE_AT, 1)} == '${char(IN_USE)}' then was = 1 end
  replace(KEYS[3], id .. '${char(UNUSED)}' .. ARGV[4], life)
  publish(ARGV[5], '${LEASE_EVENT.invalidatedBelow}' .. KEYS[1])
end
return {${DONE}, now, frame, was}
`)

/**
 * KEYS  entry, lease; with children, last the entry's own generation
 * ARGV  deadline, id, provenance, channel of lease events
 *
 * Marks a value as stale and gives every frame a new id, so that fills of earlier observations are refused; its
 * remaining life stays. Ends the lease, so that its commit is refused. With children, the entry's generation keeps its
 * id and enters its next era: values below of earlier eras are stale, at a cost that does not grow with what is below.
 * Returns the beginning of the frame that was stored, and 1 if something was written below the generation.
 */
export const EXPIRE = script(`
local who, was = ARGV[3], 0
local frame = whole_at(KEYS[1], frame_at(KEYS[1]))
if frame then
  local head, rest = ${slice('frame', 0, ID_AT)}, ${rest('frame', COUNT_AT)}
  if is_value(frame) then
    local marks_at, eras = after_generations(frame), NEVER
    local body_at, expired_at = marks_at, NEVER
    if ${slice('frame', KIND_AT, 1)} == '${KIND.marked}' then
      eras = ${sliceAfter('marks_at', 'frame', MARKED_ERAS_AT, DIGITS)}
      expired_at = ${sliceAfter('marks_at', 'frame', MARKED_EXPIRY_AT, DIGITS)}
      body_at = marks_at + ${VALUE_MARK_BYTES}
    end
    -- A second expiry does not begin the grace again.
    if expired_at == NEVER then
      head = '${MAGIC_AND_VERSION}${KIND.marked}'
      rest = string.sub(frame, ${position(COUNT_AT)}, marks_at - 1) .. eras .. digits(now) .. string.format('%0${WRITER_DIGITS}d', #who)
        .. string.sub(frame, body_at) .. who
    end
  end
  replace(KEYS[1], head .. id .. rest, redis.call('PTTL', KEYS[1]))
end
end_lease(KEYS[2], ARGV[4], KEYS[1])
local own = KEYS[3] and generation_at(KEYS[3])
if own then
  if ${slice('own', IN_USE_AT, 1)} == '${char(IN_USE)}' then was = 1 end
  local deleted_by = ${rest('own', MARK_AT)}
  if ${slice('own', MARK_AT, 1)} == '${char(MARK_BEGINS)}' then deleted_by = string.sub(own, (string.find(own, '${char(MARK_ENDS)}', ${position(WHO_AT)}, true) or #own) + 1) end
  -- The time, so that an era that a failover has lost does not come again.
  local era = era_of(own) + 1
  if now > era and now <= ${MAX_ERA} then era = now end
  local mark = '${char(MARK_BEGINS)}' .. digits(era) .. digits(now) .. who .. '${char(MARK_ENDS)}'
  replace(KEYS[3], ${slice('own', 0, MARK_AT)} .. mark .. deleted_by, redis.call('PTTL', KEYS[3]))
  publish(ARGV[4], '${LEASE_EVENT.invalidatedBelow}' .. KEYS[1])
end
return {${DONE}, now, head_of(frame), was}
`)

/**
 * KEYS  the topmost generation
 * ARGV  deadline, id, its life, provenance, channel of lease events
 *
 * Replaces the generation that every entry carries: nothing under the prefix is live from then on.
 */
export const CLEAR = script(`
replace(KEYS[1], id .. '${char(UNUSED)}' .. ARGV[4], tonumber(ARGV[3]))
publish(ARGV[5], '${LEASE_EVENT.invalidatedBelow}')
return {${DONE}, now}
`)

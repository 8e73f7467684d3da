import { KIND, MAGIC_AND_VERSION } from './functions/frames.js'
import { DONE, REFUSED, script } from './script.js'

/** Condition of a `WRITE`, its argument after the channel. */
export const CONDITION = {
  /** None: a plain write. */
  none: '',
  /** A fill: only over the frame with the observed id. */
  observed: '=',
  /** A plain write that is repeated under other generations: not over what came after it. */
  notNewer: '+',
} as const

/**
 * KEYS  entry, lease
 * ARGV  deadline, id, life, beginning of the frame, its body, channel of lease events, condition, id for the condition
 *
 * Stores a value and ends the lease, whose commit is refused from then on. Refused, returns the beginning of the frame
 * that is stored.
 */
export const WRITE = script(`
local condition = ARGV[7]
if condition ~= '${CONDITION.none}' then
  local frame = frame_at(KEYS[1])
  local is_own = frame and id_of(frame) == ARGV[8]
  if condition == '${CONDITION.observed}' then
    if not is_own then return {${REFUSED}, now, head_of(frame)} end
  elseif frame and not is_own and is_newer(frame) then
    return {${REFUSED}, now, head_of(frame)}
  end
end
redis.call('SET', KEYS[1], ARGV[4] .. ARGV[5], 'PX', ARGV[3])
end_lease(KEYS[2], ARGV[6], KEYS[1])
return {${DONE}, now}
`)

/**
 * KEYS  entry
 * ARGV  deadline, id, life of a marker, id of a value that was found dead or ''
 *
 * Stores a marker where there is no frame, or the dead value: from then on there is an id that every invalidation
 * replaces. Returns the frame that is stored.
 */
export const OBSERVE = script(`
local life = tonumber(ARGV[3])
local frame = frame_at(KEYS[1])
if not frame or id_of(frame) == ARGV[4] then
  frame = '${MAGIC_AND_VERSION}${KIND.marker}' .. id .. string.char(0)
  redis.call('SET', KEYS[1], frame, 'PX', life)
elseif not is_value(frame) and redis.call('PTTL', KEYS[1]) < life then
  redis.call('PEXPIRE', KEYS[1], life)
end
return {${DONE}, now, whole_at(KEYS[1], frame)}
`)

/**
 * KEYS  entry
 * ARGV  deadline, id of the frame that was found dead
 *
 * Deletes a dead entry, only while the very frame that was found dead is still stored.
 */
export const RECLAIM = script(`
local frame = frame_at(KEYS[1])
if frame and id_of(frame) == id then redis.call('UNLINK', KEYS[1]) end
return {${DONE}, now}
`)

import { KIND, MAGIC_AND_VERSION } from './functions/frames.js'
import { DONE, REFUSED, script } from './script.js'

/**
 * KEYS  entry, lease, generations above it (outermost first)
 * ARGV  deadline, id, life, body, channel of lease events, id of the observed frame or '', observed generations
 *       joined or ''
 *
 * Writes a value and ends the lease, whose commit is refused from then on. With an observed frame, writes only while
 * that frame is still stored and the observed generations are the current ones: data that was read before an
 * invalidation is never stored after it. Refused, the third element of the reply is '1' if that was for an
 * invalidation after which no value was stored.
 */
export const WRITE = script(`
local life = tonumber(ARGV[3])
local observed, generations = ARGV[6], ARGV[7]
if observed ~= '' then
  local frame = frame_at(KEYS[1])
  local current = are_current(3, generations)
  if not current or not frame or id_of(frame) ~= observed then
    return {${REFUSED}, now, was_fenced(frame, 3, current)}
  end
end
local above = keep_generations(3, life, '1')
redis.call('SET', KEYS[1], value_of(above, ARGV[4]), 'PX', life)
end_lease(KEYS[2], ARGV[5], KEYS[1])
return {${DONE}, now}
`)

/**
 * KEYS  entry, generations above it
 * ARGV  deadline, id, life of a marker
 *
 * Stores a marker where there is no frame, or a dead value, and makes missing generations: from then on there is an id
 * that every invalidation replaces. Returns the frame and the generations.
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
  frame = '${MAGIC_AND_VERSION}${KIND.marker}' .. id .. string.char(0)
  redis.call('SET', KEYS[1], frame, 'PX', life)
elseif not was_value and redis.call('PTTL', KEYS[1]) < life then
  redis.call('PEXPIRE', KEYS[1], life)
end
reply[3] = whole_at(KEYS[1], frame)
return reply
`)

/**
 * KEYS  entries
 * ARGV  deadline, id (unused), for each entry the id of the frame that was found dead
 *
 * Deletes dead entries, each only while the very frame that was found dead is still stored.
 */
export const RECLAIM = script(`
local gone = 0
for i = 1, #KEYS do
  local frame = frame_at(KEYS[i])
  if frame and id_of(frame) == ARGV[i + 2] then gone = gone + redis.call('UNLINK', KEYS[i]) end
end
return {${DONE}, now, gone}
`)

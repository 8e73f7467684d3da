import { KIND, MAGIC_AND_VERSION } from './fragments.js'
import { DONE, REFUSED, script } from './script.js'

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

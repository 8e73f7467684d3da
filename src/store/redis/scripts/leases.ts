import { KIND_AT, MARKED_WHO_LENGTH_AT, WHO_DIGITS } from '../../../entry/layout.js'
import { AWAITED_AT } from '../../../entry/lease.js'
import { KIND } from './fragments.js'
import { slice, sliceBehind } from './lua.js'
import { DONE, REFUSED, script } from './script.js'

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
local reply = {${DONE}, now, took_over, whole_at(KEYS[1], frame_at(KEYS[1]))}
for i = 3, #KEYS do reply[i + 2] = redis.call('GET', KEYS[i]) end
return reply
`)

/**
 * KEYS  lease, generations above its entry
 * ARGV  deadline, token, life of the lease
 *
 * Prolongs a lease, and the generations it started from, while it stands: nothing was
 * invalidated, and no other token has taken it over. One that has lapsed stands until then.
 */
export const RENEW = script(`
local life = tonumber(ARGV[3])
local lease = lease_at(KEYS[1])
if not lease or token_of(lease) ~= id then return {${REFUSED}, now} end
local started = started_from(lease)
if not are_current(2, started) then return {${REFUSED}, now} end
keep_generations(2, life, '0')
set_lease(KEYS[1], id, ${slice('lease', AWAITED_AT, 1)}, life, started)
return {${DONE}, now}
`)

/**
 * KEYS  entry, lease, generations above it
 * ARGV  deadline, id, token, life, body, channel of news, id of an unchanged frame or '', length of its payload
 *
 * Writes what was computed and ends the lease, only while the lease stands and the
 * generations are those that it started from. A lease that has lapsed stands until another
 * token takes it over: its lapse says that others may compute, not that anything has changed.
 * With the id of an unchanged frame the body
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
local stands = current
local body = ARGV[5]
if ARGV[7] ~= '' then
  local frame = frame_at(KEYS[1])
  if not frame or id_of(frame) ~= ARGV[7] then
    stands = false
  elseif ARGV[8] ~= '0' then
    -- Behind the payload of one that was let expire stands who did it.
    local last = redis.call('STRLEN', KEYS[1])
    if ${slice('frame', KIND_AT, 1)} == '${KIND.marked}' then
      local marks_at = after_generations(frame)
      last = last - (tonumber(${sliceBehind('marks_at', 'frame', MARKED_WHO_LENGTH_AT, WHO_DIGITS)}) or 0)
    end
    body = body .. redis.call('GETRANGE', KEYS[1], last - tonumber(ARGV[8]), last - 1)
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
 * ARGV  deadline, token, channel of news, '1' if what was computed is not stored, else '0'
 *
 * Gives up a lease, if it is still the token's own.
 */
export const RELEASE = script(`
local lease = lease_at(KEYS[2])
if not lease or token_of(lease) ~= id then return {${REFUSED}, now} end
fence(KEYS[2], ARGV[3], KEYS[1], ARGV[4] == '1')
return {${DONE}, now}
`)

import { KIND_AT, MARKED_WRITER_LENGTH_AT, WRITER_DIGITS } from '../../../entry/layout.js'
import { AWAITED_AT } from '../../../entry/lease.js'
import { KIND } from './functions/frames.js'
import { slice, sliceAfter } from './functions/lua.js'
import { DONE, REFUSED, script } from './script.js'

/**
 * KEYS  entry, lease
 * ARGV  deadline, token, life of the lease, '1' if the caller waits for the holder when it is refused, else '0', the
 *       joined generations that the computation starts from, token and joined generations of a lease that the caller has
 *       found void, or '' and ''
 *
 * Takes the lease, unless another token holds one that has not lapsed and is not the void one: at most one token holds the
 * lease of an entry. Returns whether it took over a lapsed lease, then the frame. Refused, returns the token of the holder,
 * the milliseconds until its lease lapses, and the generations that it started from.
 */
export const ACQUIRE = script(`
local life = tonumber(ARGV[3])
local lease = lease_at(KEYS[2])
local awaited, took_over = '0', 0
if lease then
  local started = started_from(lease)
  local is_free = token_of(lease) == id or (token_of(lease) == ARGV[6] and started == ARGV[7])
  if not is_free then
    local left = lapses_at(lease) - now
    if left > 0 then
      if ARGV[4] == '1' and not is_awaited(lease) then set_lease(KEYS[2], token_of(lease), '1', left, started) end
      return {${REFUSED}, now, token_of(lease), left, started}
    end
    if started == ARGV[5] then took_over = 1 end
  end
  if is_awaited(lease) then awaited = '1' end
end
set_lease(KEYS[2], id, awaited, life, ARGV[5])
return {${DONE}, now, took_over, whole_at(KEYS[1], frame_at(KEYS[1]))}
`)

/**
 * KEYS  lease
 * ARGV  deadline, token, life of the lease
 *
 * Prolongs a lease, only while the token holds it. A lapsed lease is the token's own until another token takes it over.
 * Returns the generations that it started from.
 */
export const RENEW = script(`
local lease = lease_at(KEYS[1])
if not lease or token_of(lease) ~= id then return {${REFUSED}, now} end
local started = started_from(lease)
set_lease(KEYS[1], id, ${slice('lease', AWAITED_AT, 1)}, tonumber(ARGV[3]), started)
return {${DONE}, now, started}
`)

/**
 * KEYS  entry, lease
 * ARGV  deadline, id, token, life, body, channel of lease events, id of an unchanged frame or '', length of its payload
 *
 * Stores a computed value under the generations that the lease started from, and ends the lease, only while the token
 * holds it. Under generations that were replaced meanwhile the value is dead on arrival. A lapsed lease is the token's own
 * until another token takes it over: its lapse allows others to compute, and changes no data.
 * With an unchanged frame the body has no payload and gets that frame's, which must still be stored. Returns the
 * generations. Refused, returns the beginning of the frame that is stored, and the generations if the token held the lease.
 */
export const COMMIT = script(`
local lease = lease_at(KEYS[2])
if not lease or token_of(lease) ~= ARGV[3] then return {${REFUSED}, now, head_of(frame_at(KEYS[1])), false} end
local started = started_from(lease)
local body = ARGV[5]
if ARGV[7] ~= '' then
  local frame = frame_at(KEYS[1])
  if not frame or id_of(frame) ~= ARGV[7] then
    end_lease(KEYS[2], ARGV[6], KEYS[1])
    return {${REFUSED}, now, head_of(frame), started}
  end
  if ARGV[8] ~= '0' then
    -- A value that was expired ends with who did it, after its payload.
    local last = redis.call('STRLEN', KEYS[1])
    if ${slice('frame', KIND_AT, 1)} == '${KIND.marked}' then
      local marks_at = after_generations(frame)
      last = last - (tonumber(${sliceAfter('marks_at', 'frame', MARKED_WRITER_LENGTH_AT, WRITER_DIGITS)}) or 0)
    end
    body = body .. redis.call('GETRANGE', KEYS[1], last - tonumber(ARGV[8]), last - 1)
  end
end
redis.call('SET', KEYS[1], value_of(started, body), 'PX', ARGV[4])
end_lease(KEYS[2], ARGV[6], KEYS[1])
return {${DONE}, now, started}
`)

/**
 * KEYS  entry, lease
 * ARGV  deadline, token, channel of lease events, '1' if the computed value is not stored, else '0'
 *
 * Ends a lease and wakes its waiters, only while the token holds it.
 */
export const RELEASE = script(`
local lease = lease_at(KEYS[2])
if not lease or token_of(lease) ~= id then return {${REFUSED}, now} end
end_lease(KEYS[2], ARGV[3], KEYS[1], ARGV[4] == '1')
return {${DONE}, now}
`)

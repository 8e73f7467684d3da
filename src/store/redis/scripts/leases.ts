import { KIND_AT, MARKED_WRITER_LENGTH_AT, WRITER_DIGITS } from '../../../entry/layout.js'
import { AWAITED_AT } from '../../../entry/lease.js'
import { KIND } from './functions/frames.js'
import { slice, sliceAfter } from './functions/lua.js'
import { DONE, REFUSED, script } from './script.js'

/**
 * KEYS  entry, lease, generations above it
 * ARGV  deadline, token, life of the lease, '1' if the caller waits for the holder when it is refused, else '0'
 *
 * Takes the lease, unless another token holds one that has not lapsed and whose generations are the current ones: at
 * most one token holds the lease of an entry. Makes missing generations. Returns whether it took over a lapsed lease,
 * then the entry and the generations, from which the computation starts. Refused, returns the token of the holder and
 * the milliseconds until its lease lapses.
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
 * Prolongs a lease and the generations that it started from, only while the token holds it and these generations are
 * the current ones. A lapsed lease is the token's own until another token takes it over.
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
 * ARGV  deadline, id, token, life, body, channel of lease events, id of an unchanged frame or '', length of its payload
 *
 * Writes a computed value and ends the lease, only while the token holds it and the generations that it started from
 * are the current ones: a value is never stored after an invalidation that came while it was computed. A lapsed lease
 * is the token's own until another token takes it over: its lapse allows others to compute, and changes no data.
 * With an unchanged frame the body has no payload and gets that frame's, which must still be stored. Refused, the
 * third element of the reply is as that of WRITE.
 */
export const COMMIT = script(`
local life = tonumber(ARGV[4])
local lease = lease_at(KEYS[2])
if not lease or token_of(lease) ~= ARGV[3] then
  -- The generations from which the token started were in its lease, so whether they are current is not known. Only a
  -- tombstone in the place of the entry proves an invalidation then.
  return {${REFUSED}, now, was_fenced(frame_at(KEYS[1]), 3, true)}
end
local started = started_from(lease)
local current = are_current(3, started)
local accepted = current
local body = ARGV[5]
if ARGV[7] ~= '' then
  local frame = frame_at(KEYS[1])
  if not frame or id_of(frame) ~= ARGV[7] then
    accepted = false
  elseif ARGV[8] ~= '0' then
    -- A value that was expired ends with who did it, after its payload.
    local last = redis.call('STRLEN', KEYS[1])
    if ${slice('frame', KIND_AT, 1)} == '${KIND.marked}' then
      local marks_at = after_generations(frame)
      last = last - (tonumber(${sliceAfter('marks_at', 'frame', MARKED_WRITER_LENGTH_AT, WRITER_DIGITS)}) or 0)
    end
    body = body .. redis.call('GETRANGE', KEYS[1], last - tonumber(ARGV[8]), last - 1)
  end
end
if not accepted then
  end_lease(KEYS[2], ARGV[6], KEYS[1])
  return {${REFUSED}, now, was_fenced(frame_at(KEYS[1]), 3, current)}
end
keep_generations(3, life, '1')
redis.call('SET', KEYS[1], value_of(started, body), 'PX', life)
end_lease(KEYS[2], ARGV[6], KEYS[1])
return {${DONE}, now}
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

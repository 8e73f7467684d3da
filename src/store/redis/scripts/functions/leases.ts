import { DIGITS } from '../../../../entry/digits.js'
import { ID_BYTES } from '../../../../entry/layout.js'
import { AWAITED_AT, LAPSES_AT, MAX_LEASE_BYTES, MAX_LEASE_MS, STARTED_AT } from '../../../../entry/lease.js'
import { DIGITS_PATTERN } from './bytes.js'
import { position, rest, slice } from './lua.js'

/** Time for which a lapsed lease is kept: until then its takeover is known as one. */
const LAPSED_LIFE_MS = 60_000

/** First character of a lease event, before the name of an entry. */
export const LEASE_EVENT = {
  /** The lease of this entry has ended: waiters read it again. */
  ended: '=',
  /** The computation of this entry has ended with a value that is not stored: waiters compute it themselves. */
  endedUnstored: '!',
  /** This entry and everything below it was invalidated; without a name, everything under the prefix. */
  invalidatedBelow: '>',
} as const

/** Lua functions that read, set and end leases. They accept what `parseLease` accepts. */
export const LEASES = `
-- The lease under a key, or false if there is none.
local function lease_at(key)
  local lease = head_at(key, '${MAX_LEASE_BYTES}')
  if not lease or #lease > ${MAX_LEASE_BYTES} or not string.find(lease, '^[01]${DIGITS_PATTERN}', ${position(AWAITED_AT)}) then return false end
  if tonumber(${slice('lease', LAPSES_AT, DIGITS)}) > now + ${MAX_LEASE_MS} then return false end
  return lease
end
local function token_of(lease) return ${slice('lease', 0, ID_BYTES)} end
local function is_awaited(lease) return ${slice('lease', AWAITED_AT, 1)} == '1' end
local function lapses_at(lease) return tonumber(${slice('lease', LAPSES_AT, DIGITS)}) end
local function started_from(lease) return ${rest('lease', STARTED_AT)} end
local function set_lease(key, token, awaited, life, started)
  local value = token .. awaited .. digits(now + life) .. started
  redis.call('SET', key, value, 'PX', life + ${LAPSED_LIFE_MS})
end

-- Publishes a lease event. Where the user may not publish, waiters poll.
local function publish(channel, event) redis.pcall('PUBLISH', channel, event) end

-- Ends a lease, of any token: its commit is refused. Wakes the waiters, if there are any.
local function end_lease(key, channel, entry, unstored)
  local lease = lease_at(key)
  if not lease then return end
  redis.call('DEL', key)
  if not is_awaited(lease) then return end
  publish(channel, (unstored and '${LEASE_EVENT.endedUnstored}' or '${LEASE_EVENT.ended}') .. entry)
end
`

import { DIGITS } from '../../../../entry/digits.js'

/** A number in decimal digits, as a pattern of Lua. */
export const DIGITS_PATTERN = '%d'.repeat(DIGITS)

/** Lua functions that read and replace the bytes under a key. */
export const BYTES = `
-- The bytes under a key from 0 up to and with the position last, or false if there are none. False for a foreign
-- type too, which a write replaces. A read is always bounded: another client may have put something large there.
-- last is a text, since Redis would turn a number into one, which costs as much as the read.
local function head_at(key, last)
  local head = redis.pcall('GETRANGE', key, '0', last)
  if type(head) ~= 'string' or head == '' then return false end
  return head
end

-- Replaces the value under a key, which invalidates it. Where the server is full, the key is deleted instead, which
-- invalidates as well and only loses the reason.
local function replace(key, value, life)
  local done = redis.pcall('SET', key, value, 'PX', life)
  if type(done) == 'table' and done.err then redis.call('DEL', key) end
end

local function digits(number) return string.format('%0${DIGITS}d', number) end
local NEVER = digits(0)
`

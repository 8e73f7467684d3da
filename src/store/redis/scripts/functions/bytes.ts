import { DIGITS } from '../../../../entry/digits.js'

/** A number in decimal digits, as a pattern of Lua. */
export const DIGITS_PATTERN = '%d'.repeat(DIGITS)

/** Lua functions that read and replace the bytes under a key. */
export const BYTES = `
-- Returns the bytes under a key, from the first one to the one at the offset last, or false if there are none. A foreign
-- type counts as no bytes: a write replaces it. Every other error ends the script: a read that is not allowed proves no
-- absence. The read is bounded, since another client may have stored something large.
-- last is a text: Redis would convert a number to a text, which takes as long as the read.
local function head_at(key, last)
  local head = redis.pcall('GETRANGE', key, '0', last)
  if type(head) == 'table' and not string.find(head.err, 'WRONGTYPE', 1, true) then redis.call('GETRANGE', key, '0', last) end
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

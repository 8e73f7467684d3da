import { MAX_KEY_HISTORIES, SLOT_BYTES } from '../../key-history.js'
import { DONE, script } from './script.js'

/**
 * KEYS  table of key histories
 * ARGV  deadline, id (unused), life of the table, bytes of a slot, then for each change the offset of its slot and its
 *       bytes: fingerprint and change
 *
 * Records changes of keys. A slot keeps the two newest changes of its name, whatever the order of the reports; a
 * repeated change is recorded once; another name's slot is replaced.
 */
export const RECORD_CHANGES = script(`
local length = tonumber(ARGV[4])
-- A foreign value would refuse every report: it is removed.
local size = redis.pcall('STRLEN', KEYS[1])
if type(size) ~= 'number' or size > ${MAX_KEY_HISTORIES * SLOT_BYTES} then redis.call('DEL', KEYS[1]) end
-- Time of the change whose kind is the byte at this position.
local function moment(slot, from)
  local time = 0
  for i = from + 1, from + 6 do time = time * 256 + string.byte(slot, i) end
  return time
end
for i = 5, #ARGV, 2 do
  local start, given = tonumber(ARGV[i]), ARGV[i + 1]
  local slot = redis.call('GETRANGE', KEYS[1], start, start + length - 1)
  local other = string.rep('\\0', 13)
  if #slot == length and string.sub(slot, 1, 6) == string.sub(given, 1, 6) then
    local newest, before = string.sub(slot, 7, 19), string.sub(slot, 20, 32)
    local at, given_at = moment(newest, 1), moment(given, 7)
    if given_at > at then
      other = newest
    elseif given_at < at and given_at > moment(before, 1) then
      other = string.sub(given, 7, 19)
      given = string.sub(given, 1, 6) .. newest
    else
      given = false
    end
  end
  if given then redis.call('SETRANGE', KEYS[1], start, given .. other) end
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return {${DONE}, now}
`)

/**
 * KEYS  table of key histories
 * ARGV  deadline, id (unused), bytes of a slot, then the offset of each slot
 *
 * Returns the slots in their order; an empty text for one that was never written, or in a foreign value.
 */
export const READ_HISTORIES = script(`
local length = tonumber(ARGV[3])
local reply = {${DONE}, now}
for i = 4, #ARGV do
  local start = tonumber(ARGV[i])
  local slot = redis.pcall('GETRANGE', KEYS[1], start, start + length - 1)
  reply[i - 1] = type(slot) == 'string' and slot or ''
end
return reply
`)

import { MAX_TRACED, SLOT_BYTES } from '../../traces.js'
import { DONE, script } from './script.js'

/**
 * KEYS  table of traces
 * ARGV  deadline, id (unused), life of the table, bytes of a slot, then of each trace where its slot begins, and what
 *       it is to begin with: a fingerprint and the trace
 *
 * Remembers what became of keys. A slot keeps the newest trace of its name and the one before it, in whatever order
 * they are told, and told twice is told once; another name's slot is taken over.
 */
export const REMEMBER = script(`
local length = tonumber(ARGV[4])
-- What others have put there gives way: else nothing would be told any more.
local size = redis.pcall('STRLEN', KEYS[1])
if type(size) ~= 'number' or size > ${MAX_TRACED * SLOT_BYTES} then redis.call('DEL', KEYS[1]) end
-- When a trace happened, the seven bytes from its kind on being its kind and its time.
local function moment(slot, from)
  local time = 0
  for i = from + 1, from + 6 do time = time * 256 + string.byte(slot, i) end
  return time
end
for i = 5, #ARGV, 2 do
  local start, told = tonumber(ARGV[i]), ARGV[i + 1]
  local slot = redis.call('GETRANGE', KEYS[1], start, start + length - 1)
  local other = string.rep('\0', 13)
  if #slot == length and string.sub(slot, 1, 6) == string.sub(told, 1, 6) then
    local newest, before = string.sub(slot, 7, 19), string.sub(slot, 20, 32)
    local at, told_at = moment(newest, 1), moment(told, 7)
    if told_at > at then
      other = newest
    elseif told_at < at and told_at > moment(before, 1) then
      other = string.sub(told, 7, 19)
      told = string.sub(told, 1, 6) .. newest
    else
      told = false
    end
  end
  if told then redis.call('SETRANGE', KEYS[1], start, told .. other) end
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return {${DONE}, now}
`)

/**
 * KEYS  table of traces
 * ARGV  deadline, id (unused), bytes of a slot, then where each slot begins
 *
 * Gives the slots, in their order; of one that was never written, or where a foreign type stands, an empty text.
 */
export const RECALL = script(`
local length = tonumber(ARGV[3])
local reply = {${DONE}, now}
for i = 4, #ARGV do
  local start = tonumber(ARGV[i])
  local slot = redis.pcall('GETRANGE', KEYS[1], start, start + length - 1)
  reply[i - 1] = type(slot) == 'string' and slot or ''
end
return reply
`)

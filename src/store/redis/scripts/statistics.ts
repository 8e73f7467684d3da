import { MAX_FIGURES } from '../../statistics.js'
import { DONE, script } from './script.js'

/** Maximum number of fields in one hash: a larger one was not written by this cache. */
export const MAX_FIELDS = 2 * MAX_FIGURES

/**
 * KEYS  figures, processes, the process's own hash, events, requests, a page of fine history, one of coarse history
 * ARGV  deadline, id (unused), process, sequence, its description, timeout of a process, life of a process, life of
 *       all, maximum of figures, family of the rest, maximum of events, maximum of requests, prefix of the fine bucket,
 *       life of its page, prefix of the coarse bucket, life of its page, then five lists, each after its length: fields
 *       and counts of families, names and counts of the process, names and counts of history, events, requests
 *
 * Adds the report of a process. A report that arrives again, by its sequence, is not added.
 */
export const REPORT = script(`
-- A foreign value in the place of one of these is removed: it would refuse every report.
local function clear_unless(looks_ours, key, ...)
  local found = redis.pcall(looks_ours, key, ...)
  local is_foreign = type(found) == 'table' and found.err and string.find(found.err, 'WRONGTYPE', 1, true)
  if is_foreign or (looks_ours == 'HLEN' and type(found) == 'number' and found > ${MAX_FIELDS}) then
    redis.call('DEL', key)
  end
end
for _, i in ipairs({1, 3, 6, 7}) do clear_unless('HLEN', KEYS[i]) end
clear_unless('ZRANGE', KEYS[2], 0, 0)
for i = 4, 5 do clear_unless('LLEN', KEYS[i]) end

-- Adds to a count; a value that is no count is replaced.
local function add(key, field, count)
  local sum = redis.pcall('HINCRBY', key, field, count)
  if type(sum) ~= 'table' or not sum.err then return end
  local is_none = string.find(sum.err, 'integer', 1, true) or string.find(sum.err, 'overflow', 1, true)
  redis.call(is_none and 'HSET' or 'HINCRBY', key, field, count)
end

local process, sequence = ARGV[3], tonumber(ARGV[4])
local last = tonumber(redis.call('HGET', KEYS[3], 'sequence') or '0')
-- A repeated report is at most one behind: a higher sequence is not of this process.
if not last or last > sequence + 1 then last = 0 end
redis.call('ZADD', KEYS[2], now, process)
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - tonumber(ARGV[6]) - 1)
-- A time in the future was written before the clock was set back.
redis.call('ZREMRANGEBYSCORE', KEYS[2], '(' .. now, '+inf')
redis.call('HSET', KEYS[3], 'about', ARGV[5])
redis.call('PEXPIRE', KEYS[3], ARGV[7])
redis.call('PEXPIRE', KEYS[2], ARGV[7])
if sequence <= last then return {${DONE}, now} end
redis.call('HSET', KEYS[3], 'sequence', sequence)

local at = 17
local function list(take, width)
  local length = tonumber(ARGV[at])
  for i = at + 1, at + length, width do take(ARGV[i], ARGV[i + 1]) end
  at = at + 1 + length
end

redis.call('HSETNX', KEYS[1], '\\0', now)
local since = tonumber(redis.call('HGET', KEYS[1], '\\0'))
if not since or since < 0 or since > now then redis.call('HSET', KEYS[1], '\\0', now) end
local is_full = redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[9])
list(function(field, count)
  if is_full and redis.call('HEXISTS', KEYS[1], field) == 0 then
    field = ARGV[10] .. string.sub(field, string.find(field, '\\0', 1, true), -1)
  end
  add(KEYS[1], field, count)
end, 2)
redis.call('PEXPIRE', KEYS[1], ARGV[8])
list(function(name, count) add(KEYS[3], '\\0' .. name, count) end, 2)
local grew = tonumber(ARGV[at]) > 0
list(function(name, count)
  add(KEYS[6], ARGV[13] .. name, count)
  add(KEYS[7], ARGV[15] .. name, count)
end, 2)
if grew then
  redis.call('PEXPIRE', KEYS[6], ARGV[14])
  redis.call('PEXPIRE', KEYS[7], ARGV[16])
end
for i, most in ipairs({ARGV[11], ARGV[12]}) do
  local key = KEYS[3 + i]
  if tonumber(ARGV[at]) > 0 then
    list(function(item) redis.call('LPUSH', key, item) end, 1)
    redis.call('LTRIM', key, 0, tonumber(most) - 1)
    redis.call('PEXPIRE', key, ARGV[8])
  else
    at = at + 1
  end
end
return {${DONE}, now}
`)

/**
 * KEYS  a list
 * ARGV  deadline, id (unused), number of items, maximum size of one, maximum size of all
 *
 * Returns the newest items of a list. An item that is too large is left out, and emptied so that it is not read again; a
 * foreign type has no items.
 */
export const READ_NEWEST = script(`
local most, room = tonumber(ARGV[4]), tonumber(ARGV[5])
local reply = {${DONE}, now}
for i = 0, tonumber(ARGV[3]) - 1 do
  local found = redis.pcall('LRANGE', KEYS[1], i, i)
  local item = found[1]
  if found.err or not item then break end
  if #item > most then
    redis.pcall('LSET', KEYS[1], i, '')
  else
    room = room - #item
    if room < 0 then break end
    reply[#reply + 1] = item
  end
end
return reply
`)

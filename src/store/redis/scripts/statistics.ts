import { DONE, script } from './script.js'

/**
 * KEYS  figures, processes, the process's own hash, events, requests, a page of fine history, one of coarse history
 * ARGV  deadline, id (unused), process, sequence, about it, gone after, life of a process, life of all,
 *       most figures, family of the rest, most events, most requests, fine step, its life, coarse step, its life,
 *       then five lists, each after its length: fields and counts of families, figures and counts of the process,
 *       of history, events, requests
 *
 * Takes what a process has counted since its last report: once, by the sequence, however often it is sent.
 */
export const REPORT = script(`
local process, sequence = ARGV[3], tonumber(ARGV[4])
local last = tonumber(redis.call('HGET', KEYS[3], 'sequence') or '0')
redis.call('ZADD', KEYS[2], now, process)
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - tonumber(ARGV[6]) - 1)
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
local is_full = redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[9])
list(function(field, count)
  if is_full and redis.call('HEXISTS', KEYS[1], field) == 0 then
    field = ARGV[10] .. string.sub(field, string.find(field, '\\0', 1, true), -1)
  end
  redis.call('HINCRBY', KEYS[1], field, count)
end, 2)
redis.call('PEXPIRE', KEYS[1], ARGV[8])
list(function(name, count) redis.call('HINCRBY', KEYS[3], '\\0' .. name, count) end, 2)
local grew = tonumber(ARGV[at]) > 0
list(function(name, count)
  redis.call('HINCRBY', KEYS[6], ARGV[13] .. name, count)
  redis.call('HINCRBY', KEYS[7], ARGV[15] .. name, count)
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

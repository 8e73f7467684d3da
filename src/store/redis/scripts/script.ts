import { createHash } from 'node:crypto'
import { FUNCTIONS } from './functions/all.js'

/**
 * A Lua script that changes something in Redis in one atomic step: on one path, which is an entry and the generations
 * above it, or on the figures that are kept for the prefix.
 *
 * One command may make several calls of a script, one after the other, each with keys and arguments of its own, which
 * is cheaper than as many commands. A call that fails does not affect the others.
 *
 * What every call keeps, with its own `KEYS` and `ARGV`:
 * - **Deadline.** `ARGV[1]` is a time on this server's clock in milliseconds. From then on the call does nothing and
 *   returns `LATE`: a command that was caught in a frozen or reconnecting connection never takes effect after its
 *   caller got an error.
 * - **Ids.** `ARGV[2]` is 12 random bytes that were never used before: the id of the frame, and of every generation
 *   that the call makes.
 * - The first element of every reply is a status, the second this server's time in milliseconds.
 *
 * @see https://redis.io/docs/latest/develop/programmability/eval-intro/
 */
export interface Script {
  readonly lua: string
  readonly sha: string
}

/** Statuses: the first element of every reply. */
export const LATE = -1
export const REFUSED = 0
export const DONE = 1

/** First argument of a command that makes several calls. */
export const SEVERAL = '*'

/** Beginning of every script: the time, and the variables of each call. */
const OPENING = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local KEYS, ARGV, id = KEYS, ARGV, false
`

/** Beginning of a call, before its body. */
const CALL = `
local function call()
if now >= tonumber(ARGV[1]) then return {${LATE}, now} end
id = ARGV[2]
`

/**
 * End of every script. A single call has all keys and arguments. Each of several has the number of its keys and that of
 * its arguments before these, and their replies come as a list in which each may be an error. That a replica takes no
 * writes is the reply to all.
 */
const CALLS = `
end
if ARGV[1] ~= '${SEVERAL}' then return call() end
local all_keys, all_args = KEYS, ARGV
local replies, key, arg = {}, 0, 1
while arg < #all_args do
  local keys, args = tonumber(all_args[arg + 1]), tonumber(all_args[arg + 2])
  KEYS, ARGV = {}, {}
  for i = 1, keys do KEYS[i] = all_keys[key + i] end
  for i = 1, args do ARGV[i] = all_args[arg + 2 + i] end
  key, arg = key + keys, arg + 2 + args
  local done, reply = pcall(call)
  if not done then
    if type(reply) ~= 'table' then reply = {err = tostring(reply)} end
    if string.find(reply.err, 'READONLY', 1, true) then return reply end
  end
  replies[#replies + 1] = reply
end
return replies
`

/** Makes a script of the body of a call. */
export function script(body: string): Script {
  const lua = OPENING + FUNCTIONS + CALL + body + CALLS
  return { lua, sha: createHash('sha1').update(lua).digest('hex') }
}

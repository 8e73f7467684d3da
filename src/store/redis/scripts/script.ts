import { createHash } from 'node:crypto'
import { FRAGMENTS } from './fragments.js'

/**
 * A Lua script that changes something in Redis: one atomic step on one path, an
 * entry and the generations above it, or on what is told and kept for the prefix.
 *
 * One command may make several calls of a script, one after the other, each with keys
 * and arguments of its own: cheaper than as many commands, where many write at once.
 * That one of them fails does not touch the others.
 *
 * What all of them keep, with `KEYS` and `ARGV` those of one call:
 * - **Deadline.** `ARGV[1]` is a time on this server's clock in milliseconds.
 *   From then on a script does nothing and says `LATE`: a command that was caught
 *   in a frozen or reconnecting connection never takes effect after its caller
 *   was told that it failed.
 * - **Ids.** `ARGV[2]` is 12 random bytes that were never used before. It
 *   becomes the id of the frame, and of every generation that the script makes.
 * - The first element of every reply is a status, the second this server's
 *   time in milliseconds.
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

/** Before the calls of a command that makes several. */
export const SEVERAL = '*'

/** How every script begins: the time, and what is each call's own. */
const OPENING = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local KEYS, ARGV, id = KEYS, ARGV, false
`

/** A call, around its body. */
const CALL = `
local function call()
if now >= tonumber(ARGV[1]) then return {${LATE}, now} end
id = ARGV[2]
`

/**
 * One call has all keys and arguments. Of several each has the number of its keys and that of its arguments before
 * these; their replies come together, errors among them, but what a replica says of one goes for all.
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

export function script(body: string): Script {
  const lua = OPENING + FRAGMENTS + CALL + body + CALLS
  return { lua, sha: createHash('sha1').update(lua).digest('hex') }
}

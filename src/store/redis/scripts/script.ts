import { createHash } from 'node:crypto'
import { FRAGMENTS } from './fragments.js'

/**
 * A Lua script that changes something in Redis: one atomic step on one path, an
 * entry and the generations above it, or on what is told and kept for the prefix.
 *
 * What all of them keep:
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

/** How every script begins: its deadline, the time and its id. */
const OPENING = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if now >= tonumber(ARGV[1]) then return {${LATE}, now} end
local id = ARGV[2]
`

export function script(body: string): Script {
  const lua = OPENING + FRAGMENTS + body
  return { lua, sha: createHash('sha1').update(lua).digest('hex') }
}

import { MAX_GENERATION_BYTES } from '../../entry/generation.js'
import type { Command } from './command.js'
import type { Connection } from './connection.js'
import { asNotResponding } from './not-responding.js'

/** Stands for a value of a foreign type: no frame, generation or lease is empty. */
export const FOREIGN = Buffer.alloc(0)

/**
 * Sends commands of which none may fail, except for a key of a foreign type, whose reply is `FOREIGN`.
 * @throws CacheNotRespondingError for every other error
 */
export async function repliesTo(
  connection: Connection,
  commands: readonly Command[],
  timeoutMs: number,
): Promise<unknown[]> {
  const replies = await connection.sendAll(commands, performance.now() + timeoutMs)
  return replies.map((reply) => {
    if (!(reply instanceof Error)) return reply
    if (reply.message.startsWith('WRONGTYPE')) return FOREIGN
    throw asNotResponding(reply)
  })
}

/** Reads no more than a generation can have: another client may have put something large in its place. */
export function generationRead(name: string): Command {
  return ['GETRANGE', name, 0, MAX_GENERATION_BYTES]
}

import { asNotResponding } from './not-responding.js'

/** Stands for a value of a foreign type: no frame, generation or lease is empty. */
export const FOREIGN = Buffer.alloc(0)

/**
 * The replies to commands of which none may fail, except for a key of a foreign type, whose reply is `FOREIGN`.
 * @throws CacheNotRespondingError for every other error
 */
export function withoutForeign(replies: readonly unknown[]): unknown[] {
  return replies.map((reply) => {
    if (!(reply instanceof Error)) return reply
    if (reply.message.startsWith('WRONGTYPE')) return FOREIGN
    throw asNotResponding(reply)
  })
}

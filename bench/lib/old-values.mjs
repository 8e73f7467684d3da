import { setTimeout as pause } from 'node:timers/promises'

/** Maximum time for which an old value is watched, in milliseconds. */
export const CAP_MS = 5_000

/** Pause between the end of a delete, with its message, and the release of a held reply. */
const SETTLE_MS = 50

let keys = 0
const newKey = () => `old-values-${keys++}`

/** Reads a key in A and B, so that A holds it in memory if it has one. */
async function warmBoth(a, b) {
  const key = newKey()
  const query = { key, row: true, ms: 0 }
  await b.run('write', { key, version: 1 })
  for (const member of [b, a, a, a]) {
    await member.run('read', query)
    await pause(2)
  }
  return query
}

/** Milliseconds for which A serves the old value after B has changed its row and deleted its key. */
export async function staleAfterDelete(a, b) {
  const query = await warmBoth(a, b)
  const watching = a.run('watch', { ...query, old: 1, capMs: CAP_MS })
  const deletedAt = await b.run('change', { key: query.key, version: 2 })
  return since(deletedAt, await watching)
}

/**
 * Milliseconds for which A serves the old value when the message of a delete overtakes the reply to a read: A reads
 * Redis, the reply is held, B changes the row and deletes the key, A receives the message, and then the reply.
 */
export async function staleWhenOvertaken(a, b, proxy) {
  const key = newKey()
  const query = { key, row: true, ms: 0 }
  await b.run('write', { key, version: 1 })
  await b.run('read', query)
  proxy.hold()
  const reading = a.run('read', query)
  await pause(SETTLE_MS)
  await b.run('change', { key, version: 2 })
  await pause(SETTLE_MS)
  proxy.release()
  await reading
  await pause(SETTLE_MS)
  const from = await a.run('clock')
  return since(from, await a.run('watch', { ...query, old: 1, capMs: CAP_MS }))
}

/** Milliseconds for which A serves the old value when it receives nothing more on open connections. A is of no use after it. */
export async function staleWhenCutOff(a, b, proxy) {
  const query = await warmBoth(a, b)
  proxy.silence()
  const deletedAt = await b.run('change', { key: query.key, version: 2 })
  return since(deletedAt, await a.run('watch', { ...query, old: 1, capMs: CAP_MS }))
}

/** Milliseconds from a moment to the last old value; `Infinity` beyond the maximum. */
function since(moment, { lastOldAt, hasEnded }) {
  if (!hasEnded) return Number.POSITIVE_INFINITY
  return lastOldAt === undefined ? 0 : Math.max(0, lastOldAt - moment)
}

import { setTimeout as pause } from 'node:timers/promises'

/** For no longer than this is looked at how long an old value goes on being served. */
export const CAP_MS = 5_000

/** From the end of a delete, and its news, until an answer that was held back is let go. */
const SETTLE_MS = 50

let keys = 0
const newKey = () => `old-values-${keys++}`

/** A and B have read a key; A, if it remembers, remembers it. */
async function bothKnow(a, b) {
  const key = newKey()
  const query = { key, row: true, ms: 0 }
  await b.ask('write', { key, version: 1 })
  for (const member of [b, a, a, a]) {
    await member.ask('read', query)
    await pause(2)
  }
  return query
}

/** B changes a row and deletes its key: for how many milliseconds after that does A serve the old one? */
export async function newsOfDelete(a, b) {
  const query = await bothKnow(a, b)
  const watching = a.ask('watch', { ...query, old: 1, capMs: CAP_MS })
  const deletedAt = await b.ask('change', { key: query.key, version: 2 })
  return since(deletedAt, await watching)
}

/**
 * The news of a delete overtake the answer to a read: A reads what Redis has,
 * the answer is held back, B changes the row and deletes the key, A is told, and
 * only then the answer comes. What A reads from then on must be new.
 */
export async function overtakenByNews(a, b, proxy) {
  const key = newKey()
  const query = { key, row: true, ms: 0 }
  await b.ask('write', { key, version: 1 })
  await b.ask('read', query)
  proxy.hold()
  const reading = a.ask('read', query)
  await pause(SETTLE_MS)
  await b.ask('change', { key, version: 2 })
  await pause(SETTLE_MS)
  proxy.letGo()
  await reading
  await pause(SETTLE_MS)
  const from = await a.ask('clock')
  return since(from, await a.ask('watch', { ...query, old: 1, capMs: CAP_MS }))
}

/** Nothing reaches A any more, and its connections seem open. The last that can be done with it. */
export async function cutOff(a, b, proxy) {
  const query = await bothKnow(a, b)
  proxy.silence()
  const deletedAt = await b.ask('change', { key: query.key, version: 2 })
  return since(deletedAt, await a.ask('watch', { ...query, old: 1, capMs: CAP_MS }))
}

/** Milliseconds from a moment to the last old value; `undefined` stands for "beyond the cap". */
function since(moment, { lastOldAt, hasEnded }) {
  if (!hasEnded) return Number.POSITIVE_INFINITY
  return lastOldAt === undefined ? 0 : Math.max(0, lastOldAt - moment)
}

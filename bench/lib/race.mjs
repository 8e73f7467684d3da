import { setTimeout as pause } from 'node:timers/promises'

const FACTORY_MS = 50
/** From the end of the delete and of the computation until the reads: more than a message takes. */
const SETTLE_MS = 20
/** A delete that waits for the computation would wait forever: after so long that ends all the same. */
const PATIENCE_MS = 1_000
const LANES = 5

/**
 * A delete that overtakes a computation, `times` times with other keys: A has
 * read the old row and computes, B writes the new row and deletes the key, then
 * A's computation ends, then both read. Gives how many times at least one of
 * these reads, all begun after the delete had returned, gave the old row.
 *
 * Not `overtaking`, the delete comes when A's computation has ended: the
 * control, in which no cache has an excuse.
 */
export async function deleteRace([a, b], times, { grouped = false, overtaking = true } = {}) {
  let next = 0
  let stale = 0
  await Promise.all(
    Array.from({ length: LANES }, async () => {
      while (next < times) {
        const name = `${overtaking ? 'race' : 'control'}-${next++}`
        const entry = grouped ? { group: `group-${name}`, key: `in-${name}` } : { key: name }
        const versions = await race(a, b, entry, overtaking)
        if (versions.includes(1)) stale++
      }
    }),
  )
  return stale
}

async function race(a, b, entry, overtaking) {
  const { key } = entry
  const query = { ...entry, row: true, ms: FACTORY_MS }
  await b.ask('write', { key, version: 1 })
  const begun = a.computing(key)
  const computation = a.ask('read', { ...query, held: overtaking })
  await (overtaking ? Promise.race([begun, computation]) : computation)
  await b.ask('write', { key, version: 2 })
  const deletion = b.ask('delete', entry)
  await Promise.race([deletion, pause(PATIENCE_MS)])
  await a.ask('release', { key })
  await Promise.all([computation, deletion])
  await pause(SETTLE_MS)
  const values = await Promise.all([a.ask('read', query), b.ask('read', query)])
  return values.map(({ version }) => version)
}

import { setTimeout as pause } from 'node:timers/promises'

const FACTORY_MS = 50
/** Pause between the end of the delete and the reads, in milliseconds: longer than a message takes. */
const SETTLE_MS = 20
/** Time after which the computation ends although the delete has not returned: a delete may wait for it. */
const PATIENCE_MS = 1_000
const LANES = 5

/**
 * Lets a delete overtake a computation, `times` times with new keys: A has read the old row and computes, B writes the new
 * row and deletes the key, A's computation ends, then both read. Returns how many times at least one of these reads
 * returned the old row, although all began after the delete had returned.
 *
 * Without `overtaking`, the delete begins after A's computation has ended. This is the control: every cache must pass it.
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
  await b.run('write', { key, version: 1 })
  const begun = a.computing(key)
  const computation = a.run('read', { ...query, held: overtaking })
  await (overtaking ? Promise.race([begun, computation]) : computation)
  await b.run('write', { key, version: 2 })
  const deletion = b.run('delete', entry)
  await Promise.race([deletion, pause(PATIENCE_MS)])
  await a.run('release', { key })
  await Promise.all([computation, deletion])
  await pause(SETTLE_MS)
  const values = await Promise.all([a.run('read', query), b.run('read', query)])
  return values.map(({ version }) => version)
}

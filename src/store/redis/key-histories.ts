import {
  decodeSlot,
  encodeChange,
  historySlotOf,
  type KeyChange,
  type KeyHistory,
  SLOT_BYTES,
} from '../key-history.js'
import type { Names } from './names.js'
import { READ_HISTORIES, RECORD_CHANGES } from './scripts/key-history.js'
import type { Servers } from './servers.js'

/** Maximum number of slots in one script: the server is not blocked for long. */
const SLOTS_PER_SCRIPT = 200

/** The table of key histories in Redis: one string of fixed size. */
export class RedisKeyHistories {
  readonly #servers: Servers
  readonly #names: Names
  readonly #lifeMs: number

  constructor(servers: Servers, names: Names, lifeMs: number) {
    this.#servers = servers
    this.#names = names
    this.#lifeMs = lifeMs
  }

  async record(changes: ReadonlyMap<string, KeyChange>): Promise<void> {
    const key = this.#names.keyHistory()
    const clock = this.#servers.clockOf(key)
    const clockAt = (moment: number) => clock.at(moment)
    const slots = [...changes].map(([name, change]) => {
      const { offset, fingerprint } = historySlotOf(name)
      return [offset, encodeChange(fingerprint, change, clockAt)] as const
    })
    await Promise.all(
      inParts(slots).map((part) =>
        this.#servers.run(RECORD_CHANGES, [key], ['', this.#lifeMs, SLOT_BYTES, ...part.flat()]),
      ),
    )
  }

  async read(names: readonly string[]): Promise<readonly KeyHistory[]> {
    const wanted = names.map(historySlotOf)
    const offsets = [...new Set(wanted.map(({ offset }) => offset))]
    const key = this.#names.keyHistory()
    const replies = await Promise.all(
      inParts(offsets).map((part) => this.#servers.run(READ_HISTORIES, [key], ['', SLOT_BYTES, ...part])),
    )
    const found = replies.flatMap(({ rest }) => rest as Buffer[])
    const slots = new Map(offsets.map((offset, index) => [offset, found[index] as Buffer]))
    const difference = this.#servers.clockOf(key).at(0)
    return wanted.map(({ offset, fingerprint }) =>
      decodeSlot(slots.get(offset) as Buffer, fingerprint, difference),
    )
  }
}

function inParts<T>(items: readonly T[]): T[][] {
  const count = Math.ceil(items.length / SLOTS_PER_SCRIPT)
  return Array.from({ length: count }, (_, index) =>
    items.slice(index * SLOTS_PER_SCRIPT, (index + 1) * SLOTS_PER_SCRIPT),
  )
}

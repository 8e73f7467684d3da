import { encodeBody, lifetimeOf } from '../../../entry/body.js'
import { startOfValue } from '../../../entry/frame.js'
import type { CacheKey } from '../../../key/cache-key.js'
import type { NewEntry } from '../../store.js'
import type { Names } from '../names.js'
import type { ScriptReply } from '../script-calls.js'
import { CONDITION, WRITE } from '../scripts/entries.js'
import type { Servers } from '../servers.js'

/** A value that is to be stored. */
export interface NewValue {
  readonly key: CacheKey
  readonly entry: NewEntry
  /** New id of its frame. */
  readonly id: Buffer
  /** The generations that its frame carries, as `joinGenerations` returns them. */
  readonly joined: Buffer
}

/** Sends the writes of values. */
export class Values {
  readonly #servers: Servers
  readonly #names: Names

  constructor(servers: Servers, names: Names) {
    this.#servers = servers
    this.#names = names
  }

  /** Names of an entry and its lease. */
  namesOf(key: CacheKey): string[] {
    return [this.#names.entry(key.text), this.#names.lease(key.text)]
  }

  /** Writes a value. `than` is the id that the condition is about. */
  write(
    { key, entry, id, joined }: NewValue,
    condition: (typeof CONDITION)[keyof typeof CONDITION],
    than: Buffer | '' = '',
  ): Promise<ScriptReply> {
    const isPlain = condition !== CONDITION.observed
    return this.#servers.run(WRITE, this.namesOf(key), [
      id,
      lifetimeOf(entry),
      startOfValue(id, joined),
      encodeBody(entry, this.now(key), isPlain),
      this.#names.leaseEvents(),
      condition,
      than,
    ])
  }

  /** Lower bound of the time of the server that holds a key. */
  now(key: CacheKey): number {
    return this.#servers.clockOf(this.#names.entry(key.text)).at(performance.now())
  }
}

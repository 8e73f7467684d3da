import { FRAME_HEAD_BYTES } from '../../entry/body.js'
import { MAX_FRAME_BYTES } from '../../entry/layout.js'
import type { CacheKey } from '../../key/cache-key.js'
import { listedEntry } from '../listed-entry.js'
import type { ListedEntry, ListOptions, ListPage } from '../store.js'
import { serverTimeOf } from './clock.js'
import type { Command } from './command.js'
import type { Connection } from './connection.js'
import { generationRead, repliesTo } from './foreign-types.js'
import type { Names } from './names.js'

/** The cursor with which `SCAN` begins, and the one that it returns at the end. */
const ENDS = '0'

/**
 * Lists live entries, a page for each step of `SCAN`, whose cursor is the listing's own.
 * @see https://redis.io/docs/latest/commands/scan/
 */
export class Listing {
  readonly #connection: Connection
  readonly #names: Names
  readonly #timeoutMs: number

  constructor(connection: Connection, names: Names, timeoutMs: number) {
    this.#connection = connection
    this.#names = names
    this.#timeoutMs = timeoutMs
  }

  async page({ under, matches = everyKey, cursor = ENDS, scan }: ListOptions): Promise<ListPage> {
    const pattern = this.#names.pattern(under)
    const [[next, names], total] = (await this.#repliesTo([
      ['SCAN', cursor, 'MATCH', pattern, 'COUNT', scan],
      ['DBSIZE'],
    ])) as [[Buffer, Buffer[]], number]
    // A `SCAN` may return a name twice.
    const keys = new Map<string, CacheKey>()
    for (const name of names) {
      const key = this.#names.keyOf(name.toString(), under)
      if (key && matches(key)) keys.set(key.text, key)
    }
    const nextCursor = next.toString()
    return {
      entries: await this.#live([...keys.values()]),
      cursor: nextCursor === ENDS ? undefined : nextCursor,
      scanned: scan,
      total,
    }
  }

  async #live(keys: readonly CacheKey[]): Promise<ListedEntry[]> {
    if (keys.length === 0) return []
    const above = [...new Set(keys.flatMap((key) => this.#names.generationsAbove(key)))]
    const replies = await this.#repliesTo([
      ...keys.flatMap((key): Command[] => {
        const entry = this.#names.entry(key.text)
        return [
          ['GETRANGE', entry, 0, FRAME_HEAD_BYTES - 1],
          ['PTTL', entry],
          ['STRLEN', entry],
        ]
      }),
      // After the entries: read before, they could be older than one of them and condemn what is live.
      ...above.map(generationRead),
      ['TIME'],
    ])
    const now = serverTimeOf(replies.at(-1))
    const values = replies.slice(keys.length * 3, -1) as Buffer[]
    const current = new Map(above.map((name, index) => [name, values[index] ?? null]))
    return keys.flatMap((key, index) => {
      const [head, lifeMs, bytes] = replies.slice(index * 3, index * 3 + 3) as [Buffer, number, number]
      const frame = head.length > 0 && bytes <= MAX_FRAME_BYTES ? head : null
      const generations = this.#names.generationsAbove(key).map((name) => current.get(name) ?? null)
      return listedEntry(key, { frame, generations, bytes, lifeMs, now }) ?? []
    })
  }

  #repliesTo(commands: readonly Command[]): Promise<unknown[]> {
    return repliesTo(this.#connection, commands, this.#timeoutMs)
  }
}

function everyKey(): boolean {
  return true
}

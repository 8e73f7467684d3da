import { FRAME_HEAD_BYTES } from '../../entry/body.js'
import { MAX_FRAME_BYTES } from '../../entry/layout.js'
import type { CacheKey } from '../../key/cache-key.js'
import { listedEntry } from '../listed-entry.js'
import type { ListedEntry, ListOptions, ListPage } from '../store.js'
import { serverTimeOf } from './clock.js'
import type { Command } from './command.js'
import { withoutForeign } from './foreign-types.js'
import type { Names } from './names.js'
import { notResponding } from './not-responding.js'
import type { Server, Servers } from './servers.js'

/** The cursor with which `SCAN` begins, and the one that it returns at the end. */
const ENDS = '0'

/** A cursor: the index of a server, unless it is the first, and the cursor of its `SCAN`. */
const CURSOR = /^(?:(\d{1,6})-)?(\d+)$/

/**
 * Lists live entries, a page for each step of `SCAN`, one server after the other.
 * @see https://redis.io/docs/latest/commands/scan/
 */
export class Listing {
  readonly #servers: Servers
  readonly #names: Names

  constructor(servers: Servers, names: Names) {
    this.#servers = servers
    this.#names = names
  }

  async page({ under, matches = everyKey, cursor = ENDS, scan }: ListOptions): Promise<ListPage> {
    const masters = await this.#servers.masters()
    const [isCursor, index = '0', start = ENDS] = CURSOR.exec(cursor) ?? []
    if (isCursor === undefined) throw notResponding('invalid cursor')
    const master = masters[Number(index)]
    // A Cluster that has fewer masters by now: the keys of the one that left were passed over, or are on others.
    if (!master) return { entries: [], cursor: undefined, scanned: 0, total: 0 }
    const scanning = master.sendAll([['SCAN', start, 'MATCH', this.#names.pattern(under), 'COUNT', scan]])
    const counting = masters.map((one) => one.sendAll([['DBSIZE']]))
    const [scanned = [], ...sizes] = (await Promise.all([scanning, ...counting])).map(withoutForeign)
    const [next, names] = scanned[0] as [Buffer, Buffer[]]
    // A `SCAN` may return a name twice.
    const keys = new Map<string, CacheKey>()
    for (const name of names) {
      const key = this.#names.keyOf(name.toString(), under)
      if (key && matches(key)) keys.set(key.text, key)
    }
    return {
      entries: await this.#live(master, [...keys.values()]),
      cursor: cursorAfter(Number(index), next.toString(), masters.length),
      scanned: scan,
      total: sizes.reduce((sum, [size]) => sum + Number(size), 0),
    }
  }

  async #live(master: Server, keys: readonly CacheKey[]): Promise<ListedEntry[]> {
    if (keys.length === 0) return []
    const replies = withoutForeign(
      await master.sendAll([
        ...keys.flatMap((key): Command[] => {
          const entry = this.#names.entry(key.text)
          return [
            ['GETRANGE', entry, 0, FRAME_HEAD_BYTES - 1],
            ['PTTL', entry],
            ['STRLEN', entry],
          ]
        }),
        ['TIME'],
      ]),
    )
    const now = serverTimeOf(replies.at(-1))
    // After the entries: generations that are read before them could be older than one of them, and condemn what is live.
    const above = [...new Set(keys.flatMap((key) => this.#names.generationsAbove(key)))]
    const values = await this.#servers.read(above, (read) => read.values)
    const current = new Map(above.map((name, index) => [name, values[index] ?? null]))
    return keys.flatMap((key, index) => {
      const [head, lifeMs, bytes] = replies.slice(index * 3, index * 3 + 3) as [Buffer, number, number]
      const frame = head.length > 0 && bytes <= MAX_FRAME_BYTES ? head : null
      const generations = this.#names.generationsAbove(key).map((name) => current.get(name) ?? null)
      return listedEntry(key, { frame, generations, bytes, lifeMs, now }) ?? []
    })
  }
}

/** The cursor that goes on after one of these servers; `undefined` after the last. */
function cursorAfter(server: number, cursor: string, servers: number): string | undefined {
  if (cursor !== ENDS) return server === 0 ? cursor : `${server}-${cursor}`
  return server + 1 < servers ? `${server + 1}-${ENDS}` : undefined
}

function everyKey(): boolean {
  return true
}

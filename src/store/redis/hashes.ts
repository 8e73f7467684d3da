import type { Command } from './command.js'
import { asNotResponding } from './not-responding.js'
import { MAX_FIELDS } from './scripts/statistics.js'
import type { Servers } from './servers.js'

/** A count as Redis writes it; negative where a correction arrived after the counted value was lost. */
const COUNT = /^(0|-?[1-9]\d{0,15})$/

export type Pair = readonly [field: string, value: string]

/** Reads hashes of counts, of which any may be missing, foreign or too large: such a hash is empty. */
export class HashReader {
  readonly #servers: Servers
  /** A name on the server that holds the hashes. */
  readonly #name: string

  constructor(servers: Servers, name: string) {
    this.#servers = servers
    this.#name = name
  }

  async read(names: readonly string[]): Promise<Pair[][]> {
    return await this.readSized(names, await this.replies(names.map((name): Command => ['HLEN', name])))
  }

  /** Hashes with these numbers of fields. */
  async readSized(names: readonly string[], sizes: readonly unknown[]): Promise<Pair[][]> {
    const readable = names.filter((_, index) => {
      const size = sizes[index]
      return typeof size === 'number' && size > 0 && size <= MAX_FIELDS
    })
    const replies = await this.replies(readable.map((name): Command => ['HGETALL', name]))
    const pairs = new Map(readable.map((name, index) => [name, pairsOf(replies[index])]))
    return names.map((name) => pairs.get(name) ?? [])
  }

  /** Replies in the order of the commands; `undefined` where a command met a foreign type. */
  async replies(commands: readonly Command[]): Promise<unknown[]> {
    if (commands.length === 0) return []
    const replies = await this.#servers.sendTo(this.#name, commands)
    return replies.map((reply) => {
      if (!(reply instanceof Error)) return reply
      if (reply.message.startsWith('WRONGTYPE')) return undefined
      throw asNotResponding(reply)
    })
  }
}

type Flat = readonly (Buffer | number)[]

/** Pairs of a reply: flat in RESP2, nested for members with scores in RESP3. */
export function pairsOf(reply: unknown): Pair[] {
  const flat = ((reply ?? []) as readonly (Buffer | number | Flat)[]).flat() as Flat
  return Array.from({ length: flat.length / 2 }, (_, i) => [String(flat[i * 2]), String(flat[i * 2 + 1])])
}

/** The pairs whose value is a count. */
export function countsOf(pairs: readonly Pair[]): [field: string, count: number][] {
  return pairs.flatMap(([field, text]) => {
    const count = COUNT.test(text) ? Number(text) : Number.NaN
    return Number.isSafeInteger(count) ? [[field, count] as [string, number]] : []
  })
}

import {
  type Bucket,
  type Gathered,
  GONE_AFTER_MS,
  MAX_EVENTS,
  MAX_FIGURES,
  MAX_REQUESTS,
  OTHER_FAMILIES,
  type ProcessReport,
  RESOLUTIONS,
  type Report,
  type Resolution,
  type Statistics,
  type Tally,
} from '../statistics.js'
import { decodeSlot, encodeTrace, placeOf, SLOT_BYTES, type Trace, type Traces } from '../traces.js'
import type { Batching } from './batching.js'
import { asNotResponding, type Command, type Connection } from './connection.js'
import type { Names } from './names.js'
import { REPORT } from './scripts/statistics.js'
import { RECALL, REMEMBER } from './scripts/traces.js'

/** So many stretches of history are held under one name. */
const PAGE = 60
/** How long a process that stopped reporting is remembered: a report of it that is sent again must not count twice. */
const PROCESS_LIFE_MS = 3_600_000
/** What an application that is used no more has told goes after so long. */
const LIFE_MS = 30 * 86_400_000

/** So many slots one script looks at: the server is never held for long. */
const AT_ONCE = 200

/** Between the name of a family and that of a figure: neither holds it. */
const SEPARATOR = '\0'

/**
 * What all processes tell, in one hash for the families, one for each process,
 * and one for each sixty stretches of history, all written by one script; and
 * one table of traces.
 */
export class RedisStatistics implements Statistics {
  readonly #connection: Connection
  readonly #batching: Batching
  readonly #names: Names
  readonly #timeoutMs: number

  constructor(connection: Connection, batching: Batching, names: Names, timeoutMs: number) {
    this.#connection = connection
    this.#batching = batching
    this.#names = names
    this.#timeoutMs = timeoutMs
  }

  async report(report: Report): Promise<void> {
    await this.#count(report)
    // After it, since then the server's clock is known; told again, neither does harm.
    await this.#remember(report.traces)
  }

  async #count({ process, sequence, about, families, history, events, requests }: Report): Promise<void> {
    const now = this.#batching.clock.at(performance.now())
    const pages = (['fine', 'coarse'] as const).map((resolution) => this.#pageAt(resolution, now))
    const figures = [...families].flatMap(([family, tally]) =>
      [...tally].flatMap(([name, count]) => [family + SEPARATOR + name, count]),
    )
    const own = [...totalOf(families)].flat()
    const keys = [
      this.#names.figures(),
      this.#names.processes(),
      this.#names.process(process),
      this.#names.events(),
      this.#names.requests(),
      ...pages.map(({ name }) => name),
    ]
    await this.#batching.run(REPORT, keys, [
      '',
      process,
      sequence,
      JSON.stringify(about),
      GONE_AFTER_MS,
      PROCESS_LIFE_MS,
      LIFE_MS,
      MAX_FIGURES,
      OTHER_FAMILIES,
      MAX_EVENTS,
      MAX_REQUESTS,
      ...pages.flatMap(({ step, lifeMs }) => [step, lifeMs]),
      figures.length,
      ...figures,
      own.length,
      ...own,
      history.size * 2,
      ...[...history].flat(),
      events.length,
      ...events,
      requests.length,
      ...requests,
    ])
  }

  async gathered(): Promise<Gathered> {
    const [time, figures, seen] = (await this.#all([
      ['TIME'],
      ['HGETALL', this.#names.figures()],
      ['ZRANGE', this.#names.processes(), 0, -1, 'WITHSCORES'],
    ])) as [[Buffer, Buffer], Buffer[], (Buffer | Flat)[]]
    const now = Number(time[0]) * 1000 + Math.floor(Number(time[1]) / 1000)
    const families = new Map<string, Map<string, number>>()
    let since = now
    for (const [field, count] of pairsOf(figures)) {
      const [family = '', name = ''] = field.split(SEPARATOR)
      if (name === '') since = count
      else {
        const tally = families.get(family) ?? new Map<string, number>()
        families.set(family, tally.set(name, count))
      }
    }
    const live = pairsOf(seen).filter(([, seenAt]) => now - seenAt <= GONE_AFTER_MS)
    return { now, since, families, processes: await this.#processes(live) }
  }

  async history(resolution: Resolution): Promise<readonly Bucket[]> {
    const { stepMs, spanMs } = RESOLUTIONS[resolution]
    const now = this.#batching.clock.at(performance.now())
    const pageMs = stepMs * PAGE
    const last = Math.floor(now / pageMs)
    const first = Math.floor((now - spanMs) / pageMs)
    const pages = Array.from({ length: last - first + 1 }, (_, index) => first + index)
    const replies = (await this.#all(
      pages.map((page): Command => ['HGETALL', this.#names.history(resolution, page)]),
    )) as Buffer[][]
    const buckets = new Map<number, Map<string, number>>()
    for (const [index, page] of pages.entries()) {
      for (const [field, count] of pairsOf(replies[index] ?? [])) {
        const [step = '', name = ''] = field.split(SEPARATOR)
        const at = page * pageMs + Number(step) * stepMs
        if (at < now - spanMs) continue
        const figures = buckets.get(at) ?? new Map<string, number>()
        buckets.set(at, figures.set(name, count))
      }
    }
    return [...buckets].sort(([one], [other]) => one - other).map(([at, figures]) => ({ at, figures }))
  }

  events(limit: number): Promise<readonly string[]> {
    return this.#newest(this.#names.events(), limit)
  }

  requests(limit: number): Promise<readonly string[]> {
    return this.#newest(this.#names.requests(), limit)
  }

  async traces(names: readonly string[]): Promise<readonly Traces[]> {
    const places = names.map(placeOf)
    const offsets = [...new Set(places.map(({ offset }) => offset))]
    const replies = await Promise.all(
      inParts(offsets, AT_ONCE).map((part) =>
        this.#batching.run(RECALL, [this.#names.traces()], ['', SLOT_BYTES, ...part]),
      ),
    )
    const found = replies.flatMap(({ rest }) => rest as Buffer[])
    const slots = new Map(offsets.map((offset, index) => [offset, found[index] as Buffer]))
    const difference = this.#batching.clock.at(0)
    return places.map(({ offset, fingerprint }) =>
      decodeSlot(slots.get(offset) as Buffer, fingerprint, difference),
    )
  }

  async #remember(traces: ReadonlyMap<string, Trace>): Promise<void> {
    const clockAt = (moment: number) => this.#batching.clock.at(moment)
    const told = [...traces].map(([name, trace]) => {
      const { offset, fingerprint } = placeOf(name)
      return [offset, encodeTrace(fingerprint, trace, clockAt)] as const
    })
    await Promise.all(
      inParts(told, AT_ONCE).map((part) =>
        this.#batching.run(REMEMBER, [this.#names.traces()], ['', LIFE_MS, SLOT_BYTES, ...part.flat()]),
      ),
    )
  }

  async #newest(name: string, limit: number): Promise<readonly string[]> {
    const [items] = (await this.#all([['LRANGE', name, 0, limit - 1]])) as [Buffer[]]
    return items.map(String)
  }

  async #processes(live: readonly (readonly [string, number])[]): Promise<ProcessReport[]> {
    if (live.length === 0) return []
    const replies = (await this.#all(
      live.map(([process]): Command => ['HGETALL', this.#names.process(process)]),
    )) as Buffer[][]
    return live.map(([process, seenAt], index) => {
      const fields = new Map(textPairsOf(replies[index] ?? []))
      const about = JSON.parse(fields.get('about') ?? '{}') as ProcessReport['about']
      const figures = new Map<string, number>()
      for (const [name, count] of fields) {
        if (name.startsWith(SEPARATOR)) figures.set(name.slice(1), Number(count))
      }
      return { process, about, seenAt, figures }
    })
  }

  #pageAt(resolution: Resolution, now: number) {
    const { stepMs, spanMs } = RESOLUTIONS[resolution]
    const pageMs = stepMs * PAGE
    const page = Math.floor(now / pageMs)
    return {
      name: this.#names.history(resolution, page),
      step: Math.floor((now - page * pageMs) / stepMs) + SEPARATOR,
      lifeMs: spanMs + pageMs,
    }
  }

  async #all(commands: readonly Command[]): Promise<unknown[]> {
    const replies = await this.#connection.sendAll(commands, performance.now() + this.#timeoutMs)
    for (const reply of replies) if (reply instanceof Error) throw asNotResponding(reply)
    return replies
  }
}

function inParts<T>(items: readonly T[], size: number): T[][] {
  const count = Math.ceil(items.length / size)
  return Array.from({ length: count }, (_, index) => items.slice(index * size, (index + 1) * size))
}

function totalOf(families: ReadonlyMap<string, Tally>): Map<string, number> {
  const total = new Map<string, number>()
  for (const tally of families.values()) {
    for (const [name, count] of tally) total.set(name, (total.get(name) ?? 0) + count)
  }
  return total
}

type Flat = readonly (Buffer | number)[]

/** Scores come beside their members, or, in RESP3, each in a pair with its member. */
function textPairsOf(reply: readonly (Buffer | number | Flat)[]): [string, string][] {
  const flat = reply.flat() as Flat
  return Array.from({ length: flat.length / 2 }, (_, i) => [String(flat[i * 2]), String(flat[i * 2 + 1])])
}

function pairsOf(reply: readonly (Buffer | number | Flat)[]): [string, number][] {
  return textPairsOf(reply).map(([field, count]) => [field, Number(count)])
}

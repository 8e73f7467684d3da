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
import type { Command } from './command.js'
import type { Connection } from './connection.js'
import type { Names } from './names.js'
import { asNotResponding } from './not-responding.js'
import { MAX_FIELDS, NEWEST, REPORT } from './scripts/statistics.js'
import { RECALL, REMEMBER } from './scripts/traces.js'

/** So many stretches of history are held under one name. */
const PAGE = 60
/** How long a process that stopped reporting is remembered: a report of it that is sent again must not count twice. */
const PROCESS_LIFE_MS = 3_600_000
/** What an application that is used no more has told goes after so long. */
const LIFE_MS = 30 * 86_400_000

/** So many slots one script looks at: the server is never held for long. */
const AT_ONCE = 200

/** Maximum number of processes that are looked at, the last to report. */
const MAX_PROCESSES = 1_000

/** Maximum length of what a process tells about itself. */
const MAX_ABOUT = 2_000

/** Maximum size of an event or a request, and of all of one answer. */
const MAX_ITEM_BYTES = 256 * 1024
const MAX_ITEMS_BYTES = 16 * 1024 * 1024

/** A count as Redis writes it: less than nothing where what was lost is corrected. */
const COUNT = /^(0|-?[1-9]\d{0,15})$/

/** A field of history: which stretch of its page, and what was counted. */
const STEP = /^(\d{1,2})\0([^\0]+)$/

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
    const [time, figures, seen] = await this.#all([
      ['TIME'],
      ['HLEN', this.#names.figures()],
      ['ZREVRANGE', this.#names.processes(), 0, MAX_PROCESSES - 1, 'WITHSCORES'],
    ])
    const now = millisecondsOf(time)
    const last = textPairsOf(seen).flatMap(([process, score]) => {
      const seenAt = Number(score)
      // Neither one that is gone, nor one that reports from the future.
      return Math.abs(now - seenAt) <= GONE_AFTER_MS ? [{ process, seenAt: Math.min(now, seenAt) }] : []
    })
    const rows = last.map(({ process }) => this.#names.process(process))
    const sizes = await this.#all(rows.map((name): Command => ['HLEN', name]))
    const [counts = [], ...reports] = await this.#hashes([
      [this.#names.figures(), figures],
      ...rows.map((name, index) => [name, sizes[index]] as const),
    ])
    const families = new Map<string, Map<string, number>>()
    let since = now
    for (const [field, count] of countsOf(counts)) {
      const [family = '', name = '', ...more] = field.split(SEPARATOR)
      if (more.length > 0) continue
      if (name === '') {
        if (family === '' && count >= 0 && count <= now) since = count
        continue
      }
      const tally = families.get(family) ?? new Map<string, number>()
      families.set(family, tally.set(name, count))
    }
    const processes = last.flatMap((one, index) => reportOf(one, reports[index] ?? []))
    return { now, since, families, processes }
  }

  async history(resolution: Resolution): Promise<readonly Bucket[]> {
    const { stepMs, spanMs } = RESOLUTIONS[resolution]
    const now = this.#batching.clock.at(performance.now())
    const pageMs = stepMs * PAGE
    const last = Math.floor(now / pageMs)
    const first = Math.floor((now - spanMs) / pageMs)
    const pages = Array.from({ length: last - first + 1 }, (_, index) => first + index)
    const names = pages.map((page) => this.#names.history(resolution, page))
    const sizes = await this.#all(names.map((name): Command => ['HLEN', name]))
    const hashes = await this.#hashes(names.map((name, index) => [name, sizes[index]] as const))
    const buckets = new Map<number, Map<string, number>>()
    for (const [index, page] of pages.entries()) {
      for (const [field, count] of countsOf(hashes[index] ?? [])) {
        const [, step, name] = STEP.exec(field) ?? []
        if (step === undefined || name === undefined || Number(step) >= PAGE) continue
        const at = page * pageMs + Number(step) * stepMs
        if (at < now - spanMs || at > now) continue
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
    const { rest } = await this.#batching.run(NEWEST, [name], ['', limit, MAX_ITEM_BYTES, MAX_ITEMS_BYTES])
    return rest.map(String)
  }

  /** Hashes with so many fields each: a foreign type, or one with more than ours have, is empty. */
  async #hashes(wanted: readonly (readonly [name: string, size: unknown])[]): Promise<[string, string][][]> {
    const read = wanted.filter(([, size]) => typeof size === 'number' && size > 0 && size <= MAX_FIELDS)
    const replies = await this.#all(read.map(([name]): Command => ['HGETALL', name]))
    const pairs = new Map(read.map(([name], index) => [name, textPairsOf(replies[index])]))
    return wanted.map(([name]) => pairs.get(name) ?? [])
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

  /** Replies to commands of which none may fail, but for meeting a foreign type: that has no reply. */
  async #all(commands: readonly Command[]): Promise<unknown[]> {
    if (commands.length === 0) return []
    const replies = await this.#connection.sendAll(commands, performance.now() + this.#timeoutMs)
    return replies.map((reply) => {
      if (!(reply instanceof Error)) return reply
      if (reply.message.startsWith('WRONGTYPE')) return undefined
      throw asNotResponding(reply)
    })
  }
}

/** What a process has told about itself and counted, where that reads as one of ours. */
function reportOf(
  { process, seenAt }: Pick<ProcessReport, 'process' | 'seenAt'>,
  row: readonly (readonly [string, string])[],
): ProcessReport[] {
  const about = aboutOf(row.find(([field]) => field === 'about')?.[1])
  if (!about || process.length > MAX_ABOUT) return []
  const own = row.filter(([field]) => field.startsWith(SEPARATOR))
  const figures = new Map(countsOf(own).map(([field, count]) => [field.slice(1), count]))
  return [{ process, about, seenAt, figures }]
}

function aboutOf(json = ''): ProcessReport['about'] | undefined {
  if (json.length > MAX_ABOUT) return undefined
  try {
    const given: unknown = JSON.parse(json)
    if (typeof given !== 'object' || given === null || Array.isArray(given)) return undefined
    const about: Record<string, string | number> = Object.create(null)
    for (const [name, value] of Object.entries(given)) {
      if (typeof value === 'string' || typeof value === 'number') about[name] = value
    }
    return about
  } catch {
    return undefined
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
function textPairsOf(reply: unknown): [string, string][] {
  const flat = ((reply ?? []) as readonly (Buffer | number | Flat)[]).flat() as Flat
  return Array.from({ length: flat.length / 2 }, (_, i) => [String(flat[i * 2]), String(flat[i * 2 + 1])])
}

/** Those of which the value is a count. */
function countsOf(pairs: readonly (readonly [string, string])[]): [string, number][] {
  return pairs.flatMap(([field, text]) => {
    const count = COUNT.test(text) ? Number(text) : Number.NaN
    return Number.isSafeInteger(count) ? [[field, count] as [string, number]] : []
  })
}

/** @see https://redis.io/docs/latest/commands/time/ */
function millisecondsOf(time: unknown): number {
  const [seconds, microseconds] = time as readonly [Buffer, Buffer]
  return Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000)
}

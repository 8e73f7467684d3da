import type { KeyHistory } from '../key-history.js'
import {
  type Counts,
  type HistoryBucket,
  MAX_EVENTS,
  MAX_FIGURES,
  MAX_REQUESTS,
  OTHER_FAMILIES,
  PROCESS_TIMEOUT_MS,
  type ProcessReport,
  type Report,
  type ReportedFigures,
  type Resolution,
  type Statistics,
} from '../statistics.js'
import { countsOf, HashReader, type Pair, pairsOf } from './hashes.js'
import { bucketsOf, currentPage, pagesUntil, SEPARATOR } from './history-pages.js'
import { RedisKeyHistories } from './key-histories.js'
import type { Names } from './names.js'
import { READ_NEWEST, REPORT } from './scripts/statistics.js'
import type { Servers } from './servers.js'

/** Time for which a process that stopped reporting is kept: a report that it sends again must not count twice. */
const PROCESS_LIFE_MS = 3_600_000
/** Time after which the reports of an unused cache expire. */
const LIFE_MS = 30 * 86_400_000

/** Maximum number of processes that are read, the last to report. */
const MAX_PROCESSES = 1_000

/** Maximum length of the description of a process. */
const MAX_ABOUT = 2_000

/** Maximum size of an event or a request, and of all of one answer. */
const MAX_ITEM_BYTES = 256 * 1024
const MAX_ITEMS_BYTES = 16 * 1024 * 1024

/**
 * Reports in Redis: a hash for the families, a hash for each process, a hash for each page of history, and lists of
 * events and requests, written by one script; key histories follow by another.
 */
export class RedisStatistics implements Statistics {
  readonly #servers: Servers
  readonly #names: Names
  readonly #hashes: HashReader
  readonly #keyHistories: RedisKeyHistories

  constructor(servers: Servers, names: Names) {
    this.#servers = servers
    this.#names = names
    this.#hashes = new HashReader(servers, names.figures())
    this.#keyHistories = new RedisKeyHistories(servers, names, LIFE_MS)
  }

  async report(report: Report): Promise<void> {
    await this.#count(report)
    // The reply to the first script sets the server's clock; recording the same changes again is harmless.
    await this.#keyHistories.record(report.changes)
  }

  async #count({ process, sequence, about, families, history, events, requests }: Report): Promise<void> {
    const now = this.#now()
    const pages = (['fine', 'coarse'] as const).map((resolution) => {
      const { page, ...current } = currentPage(resolution, now)
      return { ...current, name: this.#names.history(resolution, page) }
    })
    const figures = [...families].flatMap(([family, counts]) =>
      [...counts].flatMap(([name, count]) => [family + SEPARATOR + name, count]),
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
    await this.#servers.run(REPORT, keys, [
      '',
      process,
      sequence,
      JSON.stringify(about),
      PROCESS_TIMEOUT_MS,
      PROCESS_LIFE_MS,
      LIFE_MS,
      MAX_FIGURES,
      OTHER_FAMILIES,
      MAX_EVENTS,
      MAX_REQUESTS,
      ...pages.flatMap(({ prefix, lifeMs }) => [prefix, lifeMs]),
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

  async figures(): Promise<ReportedFigures> {
    const [time, size, seen] = await this.#hashes.replies([
      ['TIME'],
      ['HLEN', this.#names.figures()],
      ['ZREVRANGE', this.#names.processes(), 0, MAX_PROCESSES - 1, 'WITHSCORES'],
    ])
    const now = millisecondsOf(time)
    const live = pairsOf(seen).flatMap(([process, score]) => {
      const seenAt = Number(score)
      const isLive = Math.abs(now - seenAt) <= PROCESS_TIMEOUT_MS
      return isLive ? [{ process, seenAt: Math.min(now, seenAt) }] : []
    })
    const names = live.map(({ process }) => this.#names.process(process))
    const sizes = await this.#hashes.replies(names.map((name) => ['HLEN', name] as const))
    const [figures = [], ...rows] = await this.#hashes.readSized(
      [this.#names.figures(), ...names],
      [size, ...sizes],
    )
    const processes = live.flatMap((process, index) => reportOf(process, rows[index] ?? []))
    return { now, ...familiesOf(figures, now), processes }
  }

  async history(resolution: Resolution): Promise<readonly HistoryBucket[]> {
    const now = this.#now()
    const pages = pagesUntil(now, resolution)
    const hashes = await this.#hashes.read(pages.map((page) => this.#names.history(resolution, page)))
    return bucketsOf(new Map(pages.map((page, index) => [page, hashes[index] ?? []])), resolution, now)
  }

  events(limit: number): Promise<readonly string[]> {
    return this.#newest(this.#names.events(), limit)
  }

  requests(limit: number): Promise<readonly string[]> {
    return this.#newest(this.#names.requests(), limit)
  }

  keyHistories(names: readonly string[]): Promise<readonly KeyHistory[]> {
    return this.#keyHistories.read(names)
  }

  async #newest(name: string, limit: number): Promise<readonly string[]> {
    const { rest } = await this.#servers.run(
      READ_NEWEST,
      [name],
      ['', limit, MAX_ITEM_BYTES, MAX_ITEMS_BYTES],
    )
    return rest.map(String)
  }

  #now(): number {
    return this.#servers.clockOf(this.#names.figures()).at(performance.now())
  }
}

/** Counts by family, and the time of the first report, which stands in a field without names. */
function familiesOf(
  pairs: readonly Pair[],
  now: number,
): { readonly families: ReadonlyMap<string, Counts>; readonly since: number } {
  const families = new Map<string, Map<string, number>>()
  let since = now
  for (const [field, count] of countsOf(pairs)) {
    const [family = '', name = '', ...more] = field.split(SEPARATOR)
    if (more.length > 0) continue
    if (name === '') {
      if (family === '' && count >= 0 && count <= now) since = count
      continue
    }
    const counts = families.get(family) ?? new Map<string, number>()
    families.set(family, counts.set(name, count))
  }
  return { families, since }
}

/** Report of a process, if its hash reads as one of ours. */
function reportOf(
  { process, seenAt }: Pick<ProcessReport, 'process' | 'seenAt'>,
  pairs: readonly Pair[],
): ProcessReport[] {
  const about = aboutOf(pairs.find(([field]) => field === 'about')?.[1])
  if (!about || process.length > MAX_ABOUT) return []
  const own = pairs.filter(([field]) => field.startsWith(SEPARATOR))
  const counts = new Map(countsOf(own).map(([field, count]) => [field.slice(1), count]))
  return [{ process, about, seenAt, counts }]
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

function totalOf(families: ReadonlyMap<string, Counts>): Map<string, number> {
  const total = new Map<string, number>()
  for (const counts of families.values()) {
    for (const [name, count] of counts) total.set(name, (total.get(name) ?? 0) + count)
  }
  return total
}

/** @see https://redis.io/docs/latest/commands/time/ */
function millisecondsOf(time: unknown): number {
  const [seconds, microseconds] = time as readonly [Buffer, Buffer]
  return Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000)
}

import { describe, expect, test } from 'vitest'
import type { KeyChange } from '../../src/store/key-history.js'
import {
  MAX_EVENTS,
  MAX_FIGURES,
  MAX_REQUESTS,
  OTHER_FAMILIES,
  type Report,
  type Statistics,
} from '../../src/store/statistics.js'

/** Opens the shared statistics of a cache; each test starts empty. */
export type OpenStatistics = () => Statistics | Promise<Statistics>

const report = (given: Partial<Report>): Report => ({
  process: 'host:1:a',
  sequence: 1,
  about: { host: 'host', pid: 1 },
  families: new Map(),
  history: new Map(),
  events: [],
  requests: [],
  changes: new Map(),
  ...given,
})

const hits = (family: string, count: number) => new Map([[family, new Map([['hits', count]])]])

/** Promises of every place where processes report their figures. */
export function describeStatistics(name: string, open: OpenStatistics): void {
  describe(`${name}: shared statistics`, () => {
    test('is empty at first', async () => {
      const statistics = await open()
      expect(await statistics.figures()).toMatchObject({ families: new Map(), processes: [] })
      expect(await statistics.history('fine')).toEqual([])
      expect(await statistics.events(10)).toEqual([])
      expect(await statistics.requests(10)).toEqual([])
    })

    test('sums the reports of all processes, by family and by process', async () => {
      const statistics = await open()
      await statistics.report(report({ families: hits('product', 3) }))
      await statistics.report(report({ sequence: 2, families: hits('product', 4) }))
      await statistics.report(
        report({
          process: 'host:2:b',
          about: { pid: 2 },
          families: new Map([...hits('product', 5), ...hits('', 1)]),
        }),
      )
      const { families, processes, now, since } = await statistics.figures()
      expect(families).toEqual(new Map([...hits('product', 12), ...hits('', 1)]))
      expect(since).toBeLessThanOrEqual(now)
      const byPid = processes.map(({ process, about, counts }) => [process, about.pid, counts.get('hits')])
      expect(byPid.sort()).toEqual([
        ['host:1:a', 1, 7],
        ['host:2:b', 2, 6],
      ])
      for (const { seenAt } of processes) expect(now - seenAt).toBeLessThan(5_000)
    })

    test('counts a report once, however often it arrives, and never a late one', async () => {
      const statistics = await open()
      const first = report({
        families: hits('f', 1),
        history: new Map([['hits', 1]]),
        events: ['e1'],
        requests: ['r1'],
      })
      const second = report({
        sequence: 2,
        families: hits('f', 10),
        history: new Map([['hits', 10]]),
        events: ['e2'],
      })
      for (const one of [first, first, second, first, second]) await statistics.report(one)
      const { families, processes } = await statistics.figures()
      expect(families).toEqual(hits('f', 11))
      expect(processes[0]?.counts).toEqual(new Map([['hits', 11]]))
      expect(await statistics.events(10)).toEqual(['e2', 'e1'])
      expect(await statistics.requests(10)).toEqual(['r1'])
      for (const resolution of ['fine', 'coarse'] as const) {
        const counts = (await statistics.history(resolution)).map(({ counts }) => counts.get('hits') ?? 0)
        expect(counts.reduce((sum, count) => sum + count, 0)).toBe(11)
      }
    })

    test('keeps a history in steps of ten seconds and of a minute', async () => {
      const statistics = await open()
      const before = Date.now()
      await statistics.report(report({ history: new Map([['misses', 2]]) }))
      const [fine] = await statistics.history('fine')
      const [coarse] = await statistics.history('coarse')
      expect((fine?.at ?? 1) % 10_000).toBe(0)
      expect((coarse?.at ?? 1) % 60_000).toBe(0)
      expect(before - (fine?.at ?? 0)).toBeLessThan(11_000)
      expect(fine?.counts).toEqual(new Map([['misses', 2]]))
    })

    test('keeps names with any characters', async () => {
      const statistics = await open()
      const names = ['constructor', '__proto__', 'a b', '日本', '"]}', "');--", '*?[', '{x}']
      const families = new Map(names.map((name) => [name, new Map([['hits', 1]])]))
      await statistics.report(report({ families, about: { host: '"}\0<', pid: 3 } }))
      const reported = await statistics.figures()
      expect(reported.families).toEqual(families)
      expect(reported.processes[0]?.about).toEqual({ host: '"}\0<', pid: 3 })
    })

    test('keeps the newest events and requests, up to a maximum', async () => {
      const statistics = await open()
      for (let sequence = 1; sequence <= 6; sequence++) {
        const items = Array.from({ length: 200 }, (_, index) => `${sequence}-${index}`)
        await statistics.report(report({ sequence, events: items, requests: items }))
      }
      expect(await statistics.events(2)).toEqual(['6-199', '6-198'])
      expect(await statistics.events(5_000)).toHaveLength(MAX_EVENTS)
      expect(await statistics.requests(5_000)).toHaveLength(MAX_REQUESTS)
    })

    test('keeps the last two changes of a key', async () => {
      const statistics = await open()
      const now = performance.now()
      const send = (sequence: number, changes: [string, KeyChange][]) =>
        statistics.report(report({ sequence, changes: new Map(changes) }))
      const written: KeyChange = { kind: 'written', at: now - 5_000, until: now - 4_000 }
      const deleted: KeyChange = { kind: 'deleted', at: now - 3_000, until: now - 3_000 }
      const fenced: KeyChange = { kind: 'fenced', at: now - 2_000, until: now - 2_000 }
      expect(await statistics.keyHistories(['a::1'])).toEqual([[]])
      await send(1, [
        ['a::1', written],
        ['a::2', deleted],
        ['{a}', fenced],
        ['\'"\0{}日本', fenced],
      ])
      await send(2, [['a::1', deleted]])
      expect(await statistics.keyHistories([])).toEqual([])
      const [first, second, none, tree, odd] = await statistics.keyHistories([
        'a::1',
        'a::2',
        'a::3',
        '{a}',
        '\'"\0{}日本',
      ])
      expect(first?.map(({ kind }) => kind)).toEqual(['deleted', 'written'])
      expect(second?.map(({ kind }) => kind)).toEqual(['deleted'])
      expect(none).toEqual([])
      expect([tree, odd].map((history) => history?.[0]?.kind)).toEqual(['fenced', 'fenced'])
      // On the clock of this process, as far as it knows the store's.
      expect(Math.abs((first?.[1]?.until ?? 0) - written.until)).toBeLessThan(100)
      expect(Math.abs((first?.[0]?.at ?? 0) - deleted.at)).toBeLessThan(100)
      await send(3, [['a::1', fenced]])
      const kinds = async () => (await statistics.keyHistories(['a::1']))[0]?.map(({ kind }) => kind)
      expect(await kinds()).toEqual(['fenced', 'deleted'])
      // Reports arrive late, or a second time.
      await send(4, [['a::1', { ...written, at: now - 2_500 }]])
      expect(await kinds()).toEqual(['fenced', 'written'])
      await send(5, [['a::1', deleted]])
      expect(await kinds()).toEqual(['fenced', 'written'])
    })

    test('keeps the histories of many keys in one report', async () => {
      const statistics = await open()
      const at = performance.now() - 1_000
      const names = Array.from({ length: 1_000 }, (_, index) => `many::${index}`)
      const changes = new Map(
        names.map((name): [string, KeyChange] => [name, { kind: 'deleted', at, until: at }]),
      )
      await statistics.report(report({ changes }))
      const found = (await statistics.keyHistories(names)).filter(([last]) => last?.kind === 'deleted')
      // Two names may share a slot: the later one replaces the other.
      expect(found.length).toBeGreaterThan(950)
    })

    test('counts families beyond the maximum together', async () => {
      const statistics = await open()
      let sequence = 0
      for (let from = 0; from < MAX_FIGURES + 4_000; from += 4_000) {
        const families = new Map(
          Array.from({ length: 4_000 }, (_, index) => [`f${from + index}`, new Map([['hits', 1]])] as const),
        )
        await statistics.report(report({ sequence: ++sequence, families }))
      }
      await statistics.report(report({ sequence: ++sequence, families: hits('new', 7) }))
      await statistics.report(report({ sequence: ++sequence, families: hits('f0', 1) }))
      const { families } = await statistics.figures()
      expect(families.size).toBeLessThanOrEqual(MAX_FIGURES + 4_001)
      expect(families.get('new')).toBeUndefined()
      expect(families.get(OTHER_FAMILIES)?.get('hits')).toBeGreaterThanOrEqual(7)
      expect(families.get('f0')).toEqual(new Map([['hits', 2]]))
      const all = [...families.values()].reduce((sum, figures) => sum + (figures.get('hits') ?? 0), 0)
      expect(all).toBe(MAX_FIGURES + 4_000 + 8)
    })
  })
}

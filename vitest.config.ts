import { configDefaults, defineConfig } from 'vitest/config'

/**
 * The tests that also run with the other supported majors of the peers: those that touch objects of Express, HTTP, or
 * the connection to Redis. Keys, codec, masking, options, the embedded store and figures are the same with any peer.
 */
const PEERS = [
  'test/express/*.test.ts',
  'test/dashboard/{access,bypass,delete,expire,headers,host,matrix,outage,pages,same-origin}.test.ts',
  'test/dashboard/{full-search,search-places,streaming}.test.ts',
  'test/store/{batching,large-values,late-commands,not-responding,reclaiming}.test.ts',
  'test/store/{connection-options,current-password,ways-in}.test.ts',
  'test/store/{reconnecting,redis-store,sentinel,server-failures,target}.test.ts',
  'test/store/cluster/{cluster-servers,reaching-nodes,recognised,tracking}.test.ts',
  'test/cache/{operations,outage}.test.ts',
  'test/tiers/process-memory.test.ts',
]

/** Tests with a browser, or with the workers of a shop, whose processes are further load: three at a time. */
const PAGES = ['browser', 'example'].map((folder) => `test/${folder}/**/*.test.ts`)

/** What measures how long something takes runs when nothing else does. */
const MEASURING = ['keyspace', 'lease', 'stampede'].map((name) => `test/processes/${name}.test.ts`)

/** What closes all that it opens, and asks for nothing that is there once for all, can share a process. */
const SHARING = ['cache', 'codec', 'dashboard', 'entry', 'express', 'key', 'stats', 'store', 'tiers'].map(
  (folder) => `test/${folder}/**/*.test.ts`,
)

/** Applications that tests run, with tests of their own. */
const CONSUMERS = 'test/package/consumers/**'

const CURRENT = { PEERS: 'express 5, ioredis 5' }

/** In this order, one after the other; the tests of the second mostly wait. */
const THREE = { maxWorkers: 3, sequence: { groupOrder: 0 } }
const FIVE = { maxWorkers: 5, sequence: { groupOrder: 1 } }
const ONE = { maxWorkers: 1, sequence: { groupOrder: 2 } }

export default defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 120_000,
    pool: 'forks',
    projects: [
      {
        extends: true,
        test: { name: 'pages', env: CURRENT, include: PAGES, ...THREE },
      },
      {
        extends: true,
        test: {
          name: 'apart',
          env: CURRENT,
          include: ['test/**/*.test.ts'],
          exclude: [...configDefaults.exclude, CONSUMERS, ...PAGES, ...SHARING, ...MEASURING],
          ...FIVE,
        },
      },
      {
        extends: true,
        test: {
          name: 'current',
          env: CURRENT,
          include: SHARING,
          isolate: false,
          ...FIVE,
        },
      },
      {
        extends: true,
        test: {
          name: 'other-majors',
          env: { PEERS: 'express 4, ioredis 6' },
          include: PEERS,
          setupFiles: ['test/helpers/other-majors.ts'],
          isolate: false,
          ...FIVE,
        },
        resolve: { alias: { express: 'express4', ioredis: 'ioredis6' } },
      },
      {
        extends: true,
        test: {
          name: 'measuring',
          env: CURRENT,
          include: MEASURING,
          ...ONE,
        },
      },
    ],
  },
})

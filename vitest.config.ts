import { configDefaults, defineConfig } from 'vitest/config'

/** The folders whose tests also run against the other supported majors of the peer dependencies. */
const PEER_FOLDERS = ['store', 'cache', 'express', 'dashboard']

/** What measures how long something takes runs when nothing else does. */
const MEASURING = ['keyspace', 'lease', 'stampede'].map((name) => `test/processes/${name}.test.ts`)

/** What closes all that it opens, and asks for nothing that is there once for all, can share a process. */
const SHARING = ['cache', 'codec', 'dashboard', 'express', 'key', 'stats', 'store'].map(
  (folder) => `test/${folder}/**/*.test.ts`,
)

const CURRENT = { PEERS: 'express 5, ioredis 5' }

export default defineConfig({
  test: {
    testTimeout: 20_000,
    hookTimeout: 30_000,
    pool: 'forks',
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        test: {
          name: 'apart',
          env: CURRENT,
          include: ['test/**/*.test.ts'],
          exclude: [...configDefaults.exclude, ...SHARING, ...MEASURING],
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'current',
          env: CURRENT,
          include: SHARING,
          isolate: false,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'other-majors',
          env: { PEERS: 'express 4, ioredis 6' },
          include: PEER_FOLDERS.map((folder) => `test/${folder}/**/*.test.ts`),
          isolate: false,
          sequence: { groupOrder: 0 },
        },
        resolve: { alias: { express: 'express4', ioredis: 'ioredis6' } },
      },
      {
        extends: true,
        test: {
          name: 'measuring',
          env: CURRENT,
          include: MEASURING,
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})

import { defineConfig } from 'vitest/config'

/** The folders whose tests also run against the other supported majors of the peer dependencies. */
const PEER_FOLDERS = ['store', 'cache', 'express', 'dashboard']

export default defineConfig({
  test: {
    testTimeout: 20_000,
    hookTimeout: 30_000,
    pool: 'forks',
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        test: { name: 'current', env: { PEERS: 'express 5, ioredis 5' }, include: ['test/**/*.test.ts'] },
      },
      {
        extends: true,
        test: {
          name: 'other-majors',
          env: { PEERS: 'express 4, ioredis 6' },
          include: PEER_FOLDERS.map((folder) => `test/${folder}/**/*.test.ts`),
        },
        resolve: { alias: { express: 'express4', ioredis: 'ioredis6' } },
      },
    ],
  },
})

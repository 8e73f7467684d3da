import { expect, test } from 'vitest'
import { ROOT } from '../docs/project.js'
import { readPage } from '../docs/samples.js'
import { expectNoEscapes } from './escapes.js'
import { runFaults } from './run-fault.js'
import { withoutRight } from './server-faults.js'
import { startServer } from './target.js'

expectNoEscapes()

const { others } = await readPage(ROOT, 'docs/guide/redis.md')
const acl = others.find(({ language }) => language === 'acl')?.code ?? ''
const rights = [...acl.matchAll(/ \+([a-z|]+)/g)].map(([, right]) => right as string)

/** Rights of each kind: to read, to write, by scripts and in them, to list, to subscribe, to prepare a connection. */
const SOME = [...['mget', 'evalsha', 'script|load', 'set', 'getrange', 'scan', 'client|tracking']]

/** A few in the short form; `npm run soak` takes all. */
const CHOSEN = process.env.SOAK ? rights : SOME

test('the guide allows these commands', () => {
  expect(rights).toEqual(expect.arrayContaining(SOME))
})

test(
  `NOPERM for ${CHOSEN.length} of the ${rights.length} commands that the guide allows`,
  {
    timeout: 300_000,
  },
  () => runFaults(CHOSEN.map(withoutRight), startServer),
)

import { test } from 'vitest'
import { ROOT } from '../docs/project.js'
import { readPage } from '../docs/samples.js'
import { expectNoEscapes } from './escapes.js'
import { withoutRight } from './faults.js'
import { runFaults } from './run-fault.js'
import { startServer } from './target.js'

expectNoEscapes()

const { others } = await readPage(ROOT, 'docs/guide/redis.md')
const acl = others.find(({ language }) => language === 'acl')?.code ?? ''
const rights = [...acl.matchAll(/ \+([a-z|]+)/g)].map(([, right]) => right as string)

test(`NOPERM for each of the ${rights.length} commands that the guide allows`, () =>
  runFaults(rights.map(withoutRight), startServer))

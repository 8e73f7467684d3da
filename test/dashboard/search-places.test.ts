import { once } from 'node:events'
import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import { HtmlValidate } from 'html-validate'
import { expect, onTestFinished, test } from 'vitest'
import type { KeyedCache } from '../../src/cache.js'
import { USER_HEADER } from '../helpers/sign-in.js'
import { openSite, type Site, words } from './site.js'

const validator = new HtmlValidate({ extends: ['html-validate:standard', 'html-validate:a11y'] })

/** Searches that are made at one time, and those that may wait. */
const [RUNNING, WAITING] = [2, 16]

/** A listing that is held until it is let go; `most` is how many looks of full searches were under way at one time. */
function held(cache: KeyedCache) {
  const looks = { now: 0, most: 0, all: 0, letGo: () => {} }
  const free = new Promise<void>((resolve) => {
    looks.letGo = resolve
  })
  onTestFinished(() => looks.letGo())
  cache.list = async () => {
    looks.all++
    looks.now++
    looks.most = Math.max(looks.most, looks.now)
    await free
    await new Promise(setImmediate)
    looks.now--
    return { entries: [], cursor: undefined, scanned: 500, total: 500 }
  }
  return looks
}

interface Search {
  readonly asked: ClientRequest
  readonly answer: IncomingMessage
  readonly text: () => string
}

async function search({ url }: Site): Promise<Search> {
  const asked = request(`${url}/cache/keys?q=x&whole=yes`, {
    headers: { [USER_HEADER]: 'staff' },
    agent: false,
  }).end()
  onTestFinished(() => void asked.destroy())
  asked.on('error', () => {})
  const [answer] = (await once(asked, 'response')) as [IncomingMessage]
  let text = ''
  answer.setEncoding('utf8').on('data', (piece: string) => {
    text += piece
  })
  answer.on('error', () => {})
  return { asked, answer, text: () => text }
}

const several = (count: number, site: Site) => Promise.all(Array.from({ length: count }, () => search(site)))

test('two searches run at a time, and others show that they wait until they run', async () => {
  const site = await openSite()
  const looks = held(site.cache)
  const searches = await several(RUNNING + WAITING, site)
  const isWaiting = ({ text }: Search) => text().includes('Waiting: two other searches are in progress')
  await expect.poll(() => searches.filter(isWaiting).length).toBe(WAITING)
  expect(looks.now).toBe(RUNNING)
  looks.letGo()
  await expect.poll(() => searches.every(({ answer }) => answer.complete)).toBe(true)
  for (const { text } of searches) expect(words(text())).toContain('No matches in all of about 500 names')
  expect(looks.most).toBe(RUNNING)
  const waited = searches.find(isWaiting) as Search
  const { results } = await validator.validateString(waited.text())
  expect(results.flatMap(({ messages }) => messages.map(({ message }) => message))).toEqual([])
})

test('a search beyond the maximum of waiting ones gets a 503 with Retry-After', async () => {
  const site = await openSite()
  const looks = held(site.cache)
  const searches = await several(RUNNING + WAITING, site)
  await expect.poll(() => looks.now).toBe(RUNNING)
  const page = await site.ask('/cache/keys?q=x&whole=yes')
  expect(page.status).toBe(503)
  expect(page.headers['retry-after']).toBe('10')
  expect(words(page.text)).toContain('Server busy')
  expect(words(page.text)).toContain('Too many full searches are in progress')
  looks.letGo()
  await expect.poll(() => searches.every(({ answer }) => answer.complete)).toBe(true)
  expect((await site.ask('/cache/keys?q=x&whole=yes')).status).toBe(200)
})

test('a client that goes away while waiting frees its place at once', async () => {
  const site = await openSite()
  const looks = held(site.cache)
  const searches = await several(RUNNING + WAITING, site)
  await expect.poll(() => looks.now).toBe(RUNNING)
  for (const { asked } of searches.slice(RUNNING)) asked.destroy()
  await expect
    .poll(async () => {
      const one = await search(site)
      return one.answer.statusCode
    })
    .toBe(200)
  looks.letGo()
  // Those that went away were never searched for.
  await expect.poll(() => looks.now).toBe(0)
  expect(looks.all).toBeLessThan(RUNNING + WAITING)
})

test('a client that goes away during its search makes room for the next one', async () => {
  const site = await openSite()
  const steps = { all: 0 }
  site.cache.list = async () => {
    steps.all++
    await new Promise(setImmediate)
    return { entries: [], cursor: 'on', scanned: 500, total: 1e9 }
  }
  const endless = await several(RUNNING, site)
  await expect.poll(() => endless.every(({ text }) => text().includes('Scanned'))).toBe(true)
  const next = await search(site)
  await expect.poll(next.text).toContain('Waiting')
  for (const { asked } of endless) asked.destroy()
  await expect.poll(next.text).toContain('Scanned')
  next.asked.destroy()
  const before = steps.all
  await expect
    .poll(async () => {
      const was = steps.all
      await new Promise((resolve) => setTimeout(resolve, 50))
      return steps.all === was
    })
    .toBe(true)
  expect(steps.all).toBeGreaterThan(before - 1)
})

test('a failed search makes room for the next one', async () => {
  const site = await openSite()
  site.cache.list = async () => {
    throw new Error('out of order')
  }
  for (let round = 0; round < RUNNING + WAITING + 2; round++) {
    await expect(site.ask('/cache/keys?q=x&whole=yes')).rejects.toThrow('aborted')
  }
  expect((await site.ask('/cache/keys?q=x&whole=yes', { method: 'HEAD' })).status).toBe(200)
})

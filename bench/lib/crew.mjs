// Processes of an application, each with its own instance of one library, that run tasks on request.
import { fork } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { MEMORIES, PEERS } from './peers.mjs'
import { VALUE } from './value.mjs'

const CLOSING_MS = 1_000

/** Starts `size` processes that share a Redis and a database, and end with this process. */
export async function startCrew(name, redisUrl, databaseUrl, size) {
  const crew = Array.from({ length: size }, () => startMember(name, redisUrl, databaseUrl))
  await Promise.all(crew.map((member) => member.run('open')))
  return crew
}

/** Ends all processes. Each may close its connections first; behind a frozen Redis some libraries never do. */
export async function endCrew(crew) {
  await Promise.race([Promise.allSettled(crew.map((member) => member.run('close'))), pause(CLOSING_MS)])
  await Promise.all(crew.map((member) => member.kill()))
}

function startMember(...args) {
  const child = fork(fileURLToPath(import.meta.url), args)
  const events = new EventEmitter().setMaxListeners(0)
  const pending = new Map()
  let calls = 0
  child.on('message', ({ id, answer, error, computing }) => {
    if (computing !== undefined) {
      events.emit(`computing ${computing}`)
      return
    }
    const { resolve, reject } = pending.get(id)
    pending.delete(id)
    if (error === undefined) resolve(answer)
    else reject(new Error(error))
  })
  const gone = once(child, 'exit').then(([code, signal]) => {
    for (const { reject } of pending.values()) reject(new Error(`the process ended (${signal ?? code})`))
    pending.clear()
  })
  return {
    /** Runs one of the tasks below in the process; rejects with its error, or when the process ends. */
    run: (task, params) =>
      new Promise((resolve, reject) => {
        const id = calls++
        pending.set(id, { resolve, reject })
        child.send({ id, task, params }, (error) => error && reject(error))
      }),
    /** Resolves when the process begins to compute `key`. */
    computing: (key) => once(events, `computing ${key}`),
    async kill() {
      child.kill('SIGKILL')
      await gone
    },
  }
}

/** Milliseconds on a clock that all processes of the machine share. */
function clock() {
  return Number(process.hrtime.bigint()) / 1e6
}

async function serve(name, redisUrl, databaseUrl) {
  process.once('disconnect', () => process.exit())
  if (!process.connected) process.exit()
  const database = new Redis(databaseUrl)
  const plans = new Map()
  const releases = new Map()
  let computations = 0

  /** A slow query: reads its row at once and returns it later. */
  async function compute(key) {
    computations++
    const { ms, row, held } = plans.get(key)
    const value = row ? { ...VALUE, version: Number(await database.get(key)) } : VALUE
    process.send({ computing: key })
    await Promise.all([pause(ms), held && new Promise((resolve) => releases.set(key, resolve))])
    return value
  }

  const peer = await (PEERS[name] ?? MEMORIES[name]).open(redisUrl, compute)

  const tasks = {
    open: () => ({ groups: 'group' in peer }),
    close: () => peer.close(),
    /** Get-or-compute. A computation takes `ms`, and if it is `held`, until it is released. */
    read({ group, key, ...plan }) {
      plans.set(key, plan)
      return group === undefined ? peer.read(key) : peer.group.read(group, key)
    },
    release({ key }) {
      plans.get(key).held = false
      releases.get(key)?.()
    },
    write: ({ key, version }) => database.set(key, version),
    /** Changes a row, then deletes its key; returns the time at which the delete returned. */
    async change({ key, version }) {
      await database.set(key, version)
      await peer.delete(key)
      return clock()
    },
    clock: () => clock(),
    /** Reads until the value is new: returns when it was old last, and whether it became new. */
    async watch({ key, old, capMs, ...plan }) {
      plans.set(key, plan)
      const end = clock() + capMs
      let lastOldAt
      while (clock() < end) {
        const value = await Promise.race([peer.read(key), pause(end - clock())])
        if (value !== undefined && value.version !== old) return { lastOldAt, hasEnded: true }
        if (value === undefined) break
        lastOldAt = clock()
        await pause(0)
      }
      return { lastOldAt, hasEnded: false }
    },
    /** Nanoseconds of a repeated read. */
    async repeat({ key, times, ...plan }) {
      plans.set(key, plan)
      const start = performance.now()
      for (let n = 0; n < times; n++) await peer.read(key)
      return ((performance.now() - start) * 1e6) / times
    },
    /** Whether a reader sees the changes of another reader to its value. */
    async isShared({ key, ...plan }) {
      plans.set(key, plan)
      const [one, other] = [await peer.read(key), await peer.read(key)]
      try {
        one.tags.push('changed')
      } catch {
        return false
      }
      return other.tags.includes('changed') || (await peer.read(key)).tags.includes('changed')
    },
    delete: ({ group, key }) => (group === undefined ? peer.delete(key) : peer.group.delete(group)),
    /** Runs `callers` reads of each key from `at` on; returns the duration of each, in milliseconds. */
    async stampede({ at, keys, callers, ms }) {
      for (const key of keys) plans.set(key, { ms })
      computations = 0
      await pause(at - Date.now())
      const waits = []
      let errors = 0
      await Promise.all(
        keys.flatMap((key) =>
          Array.from({ length: callers }, async () => {
            const start = performance.now()
            await peer.read(key).catch(() => errors++)
            waits.push(performance.now() - start)
          }),
        ),
      )
      return { computations, errors, waits }
    },
  }

  process.on('message', async ({ id, task, params }) => {
    try {
      process.send({ id, answer: await tasks[task](params) })
    } catch (error) {
      process.send({ id, error: String(error?.stack ?? error) })
    }
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await serve(...process.argv.slice(2))

import cluster from 'node:cluster'
import { setTimeout as sleep } from 'node:timers/promises'
import { openDatabase } from './database.js'
import { announce } from './welcome.js'

/** Minimum life of a worker that is replaced at once, in milliseconds. */
const LIVED_MS = 10_000
const LONGEST_PAUSE_MS = 30_000
/** Time after which a worker that has not stopped is killed, in milliseconds. */
const STOP_WITHIN_MS = 15_000

/** Starts the workers, replaces those that die, and stops all of them at a signal. */
export function runWorkers(count) {
  // The database must exist, and be filled once, before the first worker uses it.
  openDatabase().close()

  let stopping = false
  let pause = 0
  let announced = false
  const ready = new Set()
  const born = new Map()

  const start = () => born.set(cluster.fork(), Date.now())

  cluster.on('message', (worker, message) => {
    if (message.cannotStart && !stopping) {
      console.error(message.cannotStart)
      void stop(1)
    }
    if (!message.store) return
    ready.add(worker)
    if (announced) console.log(`Worker ${worker.id} serves.`)
    if (announced || ready.size < count) return
    announced = true
    announce({ store: message.store, workers: count })
  })

  cluster.on('exit', async (worker, code, signal) => {
    const lived = Date.now() - born.get(worker)
    born.delete(worker)
    ready.delete(worker)
    if (stopping) return
    if (!announced) {
      console.error(`Worker ${worker.id} ended (${signal ?? code}) before the shop was open.`)
      return stop(1)
    }
    pause = lived > LIVED_MS ? 0 : Math.min(LONGEST_PAUSE_MS, Math.max(200, pause * 2))
    console.error(`Worker ${worker.id} ended (${signal ?? code}); another one starts in ${pause} ms.`)
    await sleep(pause)
    if (!stopping) start()
  })

  async function stop(exitCode) {
    stopping = true
    const workers = Object.values(cluster.workers)
    const gone = workers.map((worker) => new Promise((resolve) => worker.once('exit', resolve)))
    // With a callback, a worker that has just ended is no error.
    for (const worker of workers) if (worker.isConnected()) worker.send('stop', () => {})
    setTimeout(killAll, STOP_WITHIN_MS)
    await Promise.all(gone)
    process.exit(exitCode)
  }

  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.on(signal, () => {
      if (!stopping) return stop(0)
      killAll()
      process.exit(1)
    })
  }
  for (let number = 0; number < count; number++) start()
}

function killAll() {
  for (const worker of Object.values(cluster.workers)) worker.process.kill('SIGKILL')
}

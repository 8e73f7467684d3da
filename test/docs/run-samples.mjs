// node run-samples.mjs <folder> <file#results[#redis]>…: runs compiled samples one after the other, and prints what failed.
import { writeSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'

const TIMEOUT_MS = 15_000

/** Its name, and how many results it states. */
const SAMPLE = /^(.+)\.\w+#(\d+)/

const [folder, ...samples] = process.argv.slice(2)
const world = await import(pathToFileURL(join(folder, 'world.js')).href)
const failures = []
const servers = new Set()

// A sample listens where its readers would, and a test where there is room.
const listen = net.Server.prototype.listen
net.Server.prototype.listen = function (port, ...rest) {
  servers.add(this)
  return listen.call(this, typeof port === 'number' ? 0 : port, ...rest)
}

let current = ''
process.on('unhandledRejection', (error) =>
  failures.push(`${current}: unhandled rejection: ${describe(error)}`),
)
// Also where a sample ends the process itself.
process.on('exit', () => {
  for (const sample of samples) {
    const [, name, count] = SAMPLE.exec(sample)
    for (let index = 0; index < Number(count); index++) {
      if (!world.checked.has(`${name}#${index}`))
        failures.push(`${name}#${index}: this result was never reached`)
    }
  }
  const all = [...failures, ...world.wrong]
  writeSync(1, `\n${JSON.stringify({ ran: samples.length, failures: all })}\n`)
  if (all.length > 0) process.exitCode = 1
})

for (const sample of samples) {
  current = SAMPLE.exec(sample)[1]
  world.begin()
  if (sample.endsWith('#redis')) await flush(process.env.SAMPLES_REDIS)
  try {
    const file = join(folder, sample.split('#', 1)[0])
    const late = pause(TIMEOUT_MS, undefined, { ref: false }).then(() => {
      throw new Error(`not done within ${TIMEOUT_MS} ms`)
    })
    const loading = import(pathToFileURL(file).href)
    // A CommonJS module cannot await: it exports a promise.
    await Promise.race([loading.then((module) => module.default), late])
    // What a sample has left alone fails now.
    await pause(10)
  } catch (error) {
    failures.push(`${current}: ${describe(error)}`)
  }
  for (const server of servers) {
    server.closeAllConnections?.()
    server.close()
  }
  servers.clear()
  await world.cache.close()
}
process.exit()

/** Each sample finds the Redis empty. */
async function flush(url) {
  const { Redis } = await import('ioredis')
  const client = new Redis(url)
  await client.flushall()
  client.disconnect()
}

function describe(error) {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

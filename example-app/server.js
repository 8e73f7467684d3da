import cluster from 'node:cluster'
import { parseArgs } from 'node:util'

// `node example-app/server.js [--workers N]`: one process, or a primary and N worker processes that share the port.
if (cluster.isWorker) {
  const { runShop } = await import('./run-shop.js')
  await runShop()
} else {
  const workers = workersWanted()
  if (workers === 1) {
    const { runShop } = await import('./run-shop.js')
    await runShop()
  } else {
    const { runWorkers } = await import('./run-workers.js')
    runWorkers(workers)
  }
}

function workersWanted() {
  const { values } = parseArgs({ options: { workers: { type: 'string', default: '1' } } })
  const workers = Number(values.workers)
  if (!Number.isInteger(workers) || workers < 1 || workers > 64) {
    refuse(`--workers takes a whole number from 1 to 64, not ${values.workers}.`)
  }
  // Each process would have its own memory store, and would not see the edits made in another.
  if (workers > 1 && !process.env.REDIS_URL) {
    refuse(
      'Several workers need a Redis to share: without one each would cache on its own, and show old prices after\n' +
        'an edit made in another. For example: REDIS_URL=redis://127.0.0.1:6379 npm run example -- --workers 4',
    )
  }
  return workers
}

function refuse(message) {
  console.error(message)
  process.exit(1)
}

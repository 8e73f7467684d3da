import { DEMO_ACCOUNTS } from './accounts.js'

export const PORT = Number(process.env.PORT ?? 8000)
export const HOST = process.env.HOST ?? '127.0.0.1'

/** Prints the addresses of the shop to the terminal. */
export function announce({ store, workers }) {
  const url = `http://${HOST}:${PORT}`
  const accounts = DEMO_ACCOUNTS.map(({ username, password }) => `${username} / ${password}`)
  console.log(
    [
      `The shop is listening on ${url}/`,
      `  dashboard       ${url}/cache/   (sign in as staff)`,
      `  cache store     ${store}`,
      `  workers         ${workers}`,
      `  demo accounts   ${accounts.join(', ')}`,
      'Stop it with Ctrl+C.',
    ].join('\n'),
  )
}

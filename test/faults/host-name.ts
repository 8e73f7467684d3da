import dns from 'node:dns'

/** A host that has an address while {@link resolveName} says so. */
export const HOST_NAME = 'redis.invalid'
const { lookup } = dns

/** Makes it the name of this machine. */
export function resolveName(): void {
  replaceLookup((answer) => answer(null, [{ address: '127.0.0.1', family: 4 }]))
}

/** Makes it unknown. */
export function forgetName(): void {
  const error = Object.assign(new Error(`getaddrinfo ENOTFOUND ${HOST_NAME}`), { code: 'ENOTFOUND' })
  replaceLookup((answer) => answer(error, []))
}

type Answer = (error: Error | null, addresses: dns.LookupAddress[]) => void

function replaceLookup(resolve: (answer: Answer) => void): void {
  const replaced = (host: string, options: dns.LookupOptions, callback: (...results: unknown[]) => void) => {
    if (host !== HOST_NAME) return lookup(host, options, callback as never)
    const answer: Answer = (error, addresses) => {
      const [{ address, family } = {}] = addresses
      if (options.all) callback(error, addresses)
      else callback(error, address, family)
    }
    setImmediate(resolve, answer)
  }
  Object.assign(dns, { lookup: replaced })
}

/** Origin of an invalidation: time, process, route and user. */
export interface Provenance {
  /** Milliseconds since the epoch, on the store's clock. */
  readonly at: number
  /** `host:pid` */
  readonly process: string
  /** Method and path of the request: `POST /products/123`. */
  readonly route?: string | undefined
  readonly user?: string | undefined
}

const MAX_LABEL = 200

/** A label that a hook returned, shortened; `undefined` for what is no text or number. A delete must not fail because of its label. */
export function provenanceLabel(text: unknown): string | undefined {
  const printable = typeof text === 'string' || typeof text === 'number' || typeof text === 'bigint'
  return printable ? String(text).slice(0, MAX_LABEL).toWellFormed() : undefined
}

/** The bytes of a provenance: JSON. */
export function encodeProvenance({ at, process, route, user }: Provenance): Buffer {
  return Buffer.from(
    JSON.stringify({
      at: Math.round(at),
      process,
      route: provenanceLabel(route),
      user: provenanceLabel(user),
    }),
  )
}

/** Parses a provenance; `undefined` for anything else. */
export function parseProvenance(bytes: Buffer): Provenance | undefined {
  if (bytes.length === 0 || bytes[0] !== 0x7b) return undefined
  try {
    const { at, process, route, user } = JSON.parse(bytes.toString()) as Record<string, unknown>
    if (typeof at !== 'number' || typeof process !== 'string') return undefined
    return {
      at,
      process,
      ...(typeof route === 'string' && { route }),
      ...(typeof user === 'string' && { user }),
    }
  } catch {
    return undefined
  }
}

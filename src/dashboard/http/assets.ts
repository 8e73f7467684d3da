import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** A file that pages refer to. */
export interface Asset {
  readonly type: string
  readonly etag: string
  readonly bytes: Buffer
}

const TYPES = {
  'dashboard.css': 'text/css; charset=utf-8',
  'dashboard.js': 'text/javascript; charset=utf-8',
  'live.js': 'text/javascript; charset=utf-8',
  'icon.svg': 'image/svg+xml',
} as const

/** Reads the files that pages refer to, by their paths. They show nothing of the cache, so error pages use them, too. */
export function readAssets(views: string): ReadonlyMap<string, Asset> {
  return new Map(
    Object.entries(TYPES).map(([name, type]) => {
      const bytes = readFileSync(join(views, 'assets', name))
      const etag = `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`
      return [`/assets/${name}`, { type, etag, bytes }]
    }),
  )
}

import type * as Ioredis from 'ioredis'
import { ConfigurationError } from '../../errors.js'

/**
 * Loads ioredis when the first Redis store is opened: the embedded memory store works without it. `require` is
 * written out so that bundlers find it; the package is built as CommonJS.
 * @throws ConfigurationError where ioredis is not installed, or cannot be loaded
 */
export function loadIoredis(): typeof Ioredis {
  try {
    return require('ioredis')
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND'
    throw new ConfigurationError(
      isMissing
        ? 'A Redis store needs the package ioredis, which cannot be loaded: npm install ioredis. Without Redis write store: "memory".'
        : `A Redis store needs the package ioredis, and loading it has failed: ${messageOf(error)}. A bundle in the format of ES modules needs a require: see docs/guide/commonjs-and-bundlers.md.`,
      { cause: error },
    )
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message.replace(/\.$/, '') : String(error)
}

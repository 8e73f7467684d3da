import type * as Ioredis from 'ioredis'
import { ConfigurationError } from '../../errors.js'

/**
 * Loads ioredis when the first Redis store is opened: the embedded memory store works without it. `require` is
 * written out so that bundlers find it; the package is built as CommonJS.
 * @throws ConfigurationError where ioredis is not installed
 */
export function loadIoredis(): typeof Ioredis {
  try {
    return require('ioredis')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error
    throw new ConfigurationError(
      'A Redis store needs the package ioredis, which cannot be loaded: npm install ioredis. Without Redis write store: "memory".',
      { cause: error },
    )
  }
}

import { ConfigurationError } from '../errors.js'

/** The environment variables of the process. */
export type Environment = Readonly<Record<string, string | undefined>>

/**
 * The default of the option `enabled`, from `KEYEDCACHE_ENABLED`.
 * @throws ConfigurationError
 */
export function isEnabled({ KEYEDCACHE_ENABLED: text }: Environment): boolean {
  if (text === undefined || /^(1|true|yes|on|)$/i.test(text)) return true
  if (/^(0|false|no|off)$/i.test(text)) return false
  throw new ConfigurationError(`KEYEDCACHE_ENABLED must be true or false, not '${shown(text)}'.`)
}

/** A setting as an error shows it. One that may be an address with a password is hidden. */
export function shown(text: string): string {
  return /[@/]/.test(text) ? '…' : text.slice(0, 100)
}

import { ConfigurationError } from '../errors.js'
import { OptionsReader } from '../options-reader.js'

/** Share of the requests that are logged, above 0 and at most 1. */
export interface RequestLogOption {
  readonly sample: number
}

const OPTIONS = new OptionsReader<RequestLogOption>('option', { sample: true }, 'requestLog')

/**
 * The share of the requests that the option `requestLog` logs, from 0 to 1.
 * @throws ConfigurationError
 */
export function resolveRequestLog(requestLog: boolean | RequestLogOption): number {
  if (typeof requestLog === 'boolean') return requestLog ? 1 : 0
  if (typeof requestLog === 'object' && requestLog !== null) {
    const { sample } = OPTIONS.take(requestLog)
    if (typeof sample === 'number' && sample > 0 && sample <= 1) return sample
  }
  throw new ConfigurationError(
    'requestLog must be true for every request, false for none, or a share of them above 0 and at most 1: requestLog: { sample: 0.01 }.',
  )
}

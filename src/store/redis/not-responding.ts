import { CacheNotRespondingError } from '../../errors.js'
import { isErrorReply } from '../error-reply.js'
import { withoutArguments, withoutQuotes } from './safe-error.js'

/** Messages of ioredis that name options which this cache sets, where a reader needs to know what has happened. */
const OF_LOST_CONNECTION =
  /^(?:Stream isn't writeable and enableOfflineQueue|Reached the max retries per request limit)/

export function notResponding(why: string, cause?: unknown): CacheNotRespondingError {
  // Some messages of ioredis end with a full stop.
  return new CacheNotRespondingError(`Redis is not responding: ${why.replace(/\.$/, '')}.`, { cause })
}

/** Turns any failure of the server or of the connection into the error that callers handle. */
export function asNotResponding(error: unknown): CacheNotRespondingError {
  if (error instanceof CacheNotRespondingError) return error
  const message = error instanceof Error ? error.message : String(error)
  const why = OF_LOST_CONNECTION.test(message) ? 'its connection was lost' : withoutQuotes(message)
  return notResponding(why, withoutArguments(error))
}

/** Whether the connection was lost before the answer came. */
export function isConnectionLost(error: unknown): boolean {
  return (error as Error).cause instanceof Error && !isErrorReply(error)
}

/** Whether a failure means that the server is not there: nothing else was answered for `timeoutMs` either. */
export function isServerGone(
  error: unknown,
  connection: { hasAnsweredWithin(ms: number): boolean },
  timeoutMs: number,
): boolean {
  return !isErrorReply(error) && !connection.hasAnsweredWithin(timeoutMs)
}

/**
 * Whether an error says that the server is a replica. Up to Redis 6 the error of a command within a script is part of a
 * longer text.
 * @see https://redis.io/docs/latest/operate/oss_and_stack/management/replication/#read-only-replica
 */
export function isOfReplica(error: unknown): boolean {
  return error instanceof Error && /(?:^|[\s-])(?:READONLY|MASTERDOWN) /.test(error.message)
}

import { within } from '../../background.js'
import type { Logger } from '../../store/failsafe.js'

/** Something that was deleted, or let expire, on the dashboard. */
export interface AuditEvent {
  readonly action: 'delete' | 'expire' | 'clear'
  /** The key's text; `undefined` for `clear`. */
  readonly key: string | undefined
  readonly children: boolean
  /** `absent` when nothing was there, `failed` when it did not surely reach the store. */
  readonly outcome: 'deleted' | 'expired' | 'absent' | 'failed'
  /** Method and path of the request. */
  readonly route: string | undefined
  readonly user: string | undefined
  /** Milliseconds since the epoch. */
  readonly at: number
}

/** How long a page waits for the application's record of what it did. */
const PATIENCE_MS = 1_000

/** Hands an event to the application's hook; whatever becomes of that, the page goes on. */
export async function notifyAudit(
  hook: (event: AuditEvent) => void | Promise<void>,
  event: AuditEvent,
  logger: Logger,
): Promise<void> {
  const told = (async () => hook(event))().catch((error: unknown) => {
    logger.warn(
      `keyedcache: onAudit failed on ${event.action} of "${event.key ?? 'everything'}": ${String(error)}`,
    )
  })
  await within(PATIENCE_MS, told)
}

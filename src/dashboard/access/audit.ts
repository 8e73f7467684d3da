import { within } from '../../background.js'
import type { Logger } from '../../logger.js'

/** An invalidation that staff made on the dashboard. */
export interface AuditEvent {
  readonly action: 'delete' | 'expire' | 'clear'
  /** The key's text; `undefined` for `clear`. */
  readonly key: string | undefined
  readonly children: boolean
  /** `absent`: there was nothing to invalidate. `failed`: the store did not confirm it. */
  readonly outcome: 'deleted' | 'expired' | 'absent' | 'failed'
  /** Method and path of the request. */
  readonly route: string | undefined
  readonly user: string | undefined
  /** Milliseconds since the epoch. */
  readonly at: number
}

/** Maximum wait for the application's hook, in milliseconds. */
const HOOK_TIMEOUT_MS = 1_000

/** Calls the application's hook. A failure is logged, a slow hook is not waited for: the page continues in any case. */
export async function notifyAudit(
  hook: (event: AuditEvent) => void | Promise<void>,
  event: AuditEvent,
  logger: Logger,
): Promise<void> {
  const notified = (async () => hook(event))().catch((error: unknown) => {
    logger.warn(
      `keyedcache: onAudit failed for ${event.action} of "${event.key ?? 'everything'}": ${String(error)}`,
    )
  })
  await within(HOOK_TIMEOUT_MS, notified)
}

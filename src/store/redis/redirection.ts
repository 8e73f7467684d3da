import type { Command } from './command.js'
import type { Address } from './redis-url.js'

/** Lets a node run the next command on a slot that it is just getting. */
export const ASKING: Command = ['ASKING']

/**
 * What a node of a Cluster says about a command that it has not run:
 * - `moved`: the slot belongs to the node at this address.
 * - `ask`: this one command goes to the node at this address, which is just getting the slot.
 * - `again`: some of its names have gone to another node, and others not yet.
 * - `down`: the Cluster serves nothing, or not this slot.
 * - `cross`: its names have several slots, which only happens where a node was taken for a single server.
 *
 * @see https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#redirection-and-resharding
 */
export type Redirection =
  | { readonly kind: 'moved' | 'ask'; readonly slot: number; readonly to: Address }
  | { readonly kind: 'again' }
  | { readonly kind: 'down' }
  | { readonly kind: 'cross' }

/** The redirection in an error reply, or in the cause of an error; `undefined` for every other error. */
export function redirectionIn(error: unknown): Redirection | undefined {
  if (!(error instanceof Error)) return undefined
  const { message } = error.name === 'ReplyError' ? error : ((error.cause as Error | undefined) ?? error)
  const [, kind, slot, host = '', port] = /^(MOVED|ASK) (\d+) (\S*):(\d+)/.exec(message) ?? []
  if (kind !== undefined) {
    return {
      kind: kind === 'MOVED' ? 'moved' : 'ask',
      slot: Number(slot),
      to: { host: host.replace(/^\[|\]$/g, ''), port: Number(port) },
    }
  }
  if (message.startsWith('TRYAGAIN')) return { kind: 'again' }
  if (message.startsWith('CLUSTERDOWN')) return { kind: 'down' }
  return message.startsWith('CROSSSLOT') ? { kind: 'cross' } : undefined
}

/** Whether a reply says that a node has not run a command, since it does not have its slot. */
export function isRedirection(reply: unknown): boolean {
  return redirectionIn(reply) !== undefined
}

import type { Argument, Command } from './command.js'
import { type Script, SEVERAL } from './scripts/script.js'

/** Maximum number and size of the calls of one script in one command, so that it never keeps the server busy for long. */
const MAX_CALLS = { count: 32, bytes: 128 * 1024 }

/** A call of a script, until it is answered. */
export interface Write {
  readonly script: Script
  readonly keys: readonly string[]
  readonly args: readonly Argument[]
  /** The size of its arguments. */
  bytes?: number
  /** A moment of `performance.now()`, known when it is sent. */
  deadline?: number | undefined
  /** A moment after which it must not run, where its caller has waited before. */
  limit?: number
  /** Slot of its keys in a Cluster. */
  readonly slot?: number
  /** Whether it goes to a node that is just getting the slot. */
  isAsking?: boolean
  /** Its place in the order in which writes were first sent; none before that. See `WriteOrder`. */
  number?: number
  /** Numbers of the last writes of its entry, and of its tree, when it was sent. */
  lastOfEntry?: number | undefined
  lastOfTree?: number | undefined
  resolve?: (reply: ScriptReply) => void
  reject?: (error: unknown) => void
}

export interface ScriptReply {
  readonly status: number
  /** The server's time when the script ran, in milliseconds since the epoch. */
  readonly now: number
  /** Further results of the script. */
  readonly rest: readonly unknown[]
}

/** Splits writes, in their order, into groups of the same script that one command can call. */
export function grouped(writes: readonly Write[]): Write[][] {
  const groups: Write[][] = []
  let group: Write[] = []
  let bytes = 0
  for (const write of writes) {
    const size = write.bytes ?? 0
    const isFull = group.length >= MAX_CALLS.count || bytes + size > MAX_CALLS.bytes
    if (isFull || !isOneCommand(group[0], write)) {
      group = []
      groups.push(group)
      bytes = 0
    }
    group.push(write)
    bytes += size
  }
  return groups
}

function isOneCommand(first: Write | undefined, next: Write): boolean {
  // `ASKING` is for one command, and one that meets an open slot may be refused: it has one call.
  return first?.script === next.script && first.slot === next.slot && !first.isAsking && !next.isAsking
}

/** One command that makes all calls of a group; `serverDeadline` gives the deadline of each, in the server's time. */
export function commandOf(group: readonly Write[], serverDeadline: (write: Write) => number): Command {
  const { script } = group[0] as Write
  const keys: string[] = []
  const calls: Argument[] = group.length > 1 ? [SEVERAL] : []
  for (const write of group) {
    for (const key of write.keys) keys.push(key)
    if (group.length > 1) calls.push(write.keys.length, write.args.length + 1)
    calls.push(serverDeadline(write), ...write.args)
  }
  return ['EVALSHA', script.sha, keys.length, ...keys, ...calls]
}

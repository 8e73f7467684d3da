import type { Argument, Command } from './connection.js'
import { type Script, SEVERAL } from './scripts/script.js'

/** So many calls of one script at most are made by one command, and of so many bytes: the server is never held for long. */
const MAX_CALLS = { count: 32, bytes: 128 * 1024 }

/** A script call that waits to be sent. */
export interface Write {
  readonly script: Script
  readonly keys: readonly string[]
  readonly args: readonly Argument[]
  /** The size of its arguments. */
  bytes?: number
  /** Its deadline, by `performance.now()`: begins when it is sent. */
  expires?: number | undefined
  /** Its place in the order in which writes were first sent; none before that. See `WriteOrder`. */
  number?: number
  /** Numbers of the writes of its entry, and of its tree, that were the last ones when it was sent. */
  lastOfEntry?: number | undefined
  lastOfTree?: number | undefined
  resolve?: (reply: ScriptReply) => void
  reject?: (error: unknown) => void
}

/** What a script returned after its status and the server's time. */
export interface ScriptReply {
  readonly status: number
  /** The server's time when it ran, in milliseconds since the epoch. */
  readonly now: number
  readonly rest: readonly unknown[]
}

/** In their order, those of one script that follow each other together. */
export function grouped(writes: readonly Write[]): Write[][] {
  const groups: Write[][] = []
  let group: Write[] = []
  let bytes = 0
  for (const write of writes) {
    const size = write.bytes ?? 0
    const isFull = group.length >= MAX_CALLS.count || bytes + size > MAX_CALLS.bytes
    if (group[0]?.script !== write.script || isFull) {
      group = []
      groups.push(group)
      bytes = 0
    }
    group.push(write)
    bytes += size
  }
  return groups
}

/** One command that makes all these calls of one script; `latest` says when one must have run, on the server's clock. */
export function commandOf(group: readonly Write[], latest: (write: Write) => number): Command {
  const { script } = group[0] as Write
  const keys: string[] = []
  const calls: Argument[] = group.length > 1 ? [SEVERAL] : []
  for (const write of group) {
    for (const key of write.keys) keys.push(key)
    if (group.length > 1) calls.push(write.keys.length, write.args.length + 1)
    calls.push(latest(write), ...write.args)
  }
  return ['EVALSHA', script.sha, keys.length, ...keys, ...calls]
}

import type { Write } from './script-calls.js'
import { COMMIT, RELEASE, RENEW } from './scripts/leases.js'
import type { Script } from './scripts/script.js'
import { treeOf } from './write-scope.js'

/** Maximum number of writes in one batch, of urgent ones and of others. */
const MAX_WRITES = 256

/**
 * Writes that end a computation, or renew its lease. They go before all others: after as many new leases as a process
 * can ask for at once, each lease would lapse before its value is stored. They are bound to a token that the store has
 * issued, so it makes no difference to other writes which of the two is first.
 */
const URGENT: ReadonlySet<Script> = new Set([COMMIT, RENEW, RELEASE])

/** Minimum number of taken writes at which a group frees them, once they are more than those that wait. */
const MIN_TAKEN = 1_024

/** Writes in the order of their calls. */
class Group {
  #writes: Write[] = []
  #taken = 0
  #mergedInto: Group | undefined

  get size(): number {
    return this.#writes.length - this.#taken
  }

  /** The group that holds the writes of this one now. */
  get current(): Group {
    let group: Group = this
    while (group.#mergedInto) group = group.#mergedInto
    return group
  }

  add(write: Write): void {
    this.#writes.push(write)
  }

  take(count: number): Write[] {
    const end = Math.min(this.#taken + count, this.#writes.length)
    const writes = this.#writes.slice(this.#taken, end)
    this.#taken = end
    if (end >= MIN_TAKEN && end > this.size) {
      this.#writes = this.#writes.slice(end)
      this.#taken = 0
    }
    return writes
  }

  merge(other: Group): void {
    for (const write of other.take(other.size)) this.#writes.push(write)
    other.#mergedInto = this
  }
}

/** The last write of a name among those that wait, and its group. */
interface LastWrite {
  readonly write: Write
  readonly group: Group
}

/**
 * Writes that wait for their turn. Those of one tick are a group, and groups take turns: a single write does not wait
 * for thousands of another caller's. The order of calls is kept where it matters: the writes of one name are always in
 * one group; and while an invalidation with children waits, there is only one group, in which it is after all earlier
 * writes.
 */
export class WriteQueue {
  readonly #urgent: Write[] = []
  /** In the order of their turns. */
  readonly #groups = new Set<Group>()
  readonly #last = new Map<string, LastWrite>()
  /** Number of waiting invalidations with children. */
  #trees = 0

  get isEmpty(): boolean {
    return this.#urgent.length === 0 && this.#groups.size === 0
  }

  /** Adds the writes of one tick. */
  add(writes: readonly Write[]): void {
    let own = this.#trees > 0 ? this.#merged() : new Group()
    for (const write of writes) {
      if (URGENT.has(write.script)) {
        this.#urgent.push(write)
        continue
      }
      if (treeOf(write) !== undefined) {
        own = this.#merged()
        this.#trees++
      }
      const name = write.keys[0] as string
      const group = this.#last.get(name)?.group.current ?? own
      group.add(write)
      this.#groups.add(group)
      this.#last.set(name, { write, group })
    }
  }

  /** Takes out the next batch. */
  take(): Write[] {
    const batch = this.#urgent.splice(0, MAX_WRITES)
    const share = Math.max(1, Math.floor(MAX_WRITES / this.#groups.size))
    let room = MAX_WRITES
    // A group that is put after the others comes up again in the same loop.
    for (const group of this.#groups) {
      if (room === 0) break
      const writes = group.take(Math.min(share, room))
      room -= writes.length
      this.#groups.delete(group)
      if (group.size > 0) this.#groups.add(group)
      for (const write of writes) batch.push(this.#taken(write))
    }
    return batch
  }

  /** Takes out all writes. */
  takeAll(): Write[] {
    const all: Write[] = []
    while (!this.isEmpty) all.push(...this.take())
    return all
  }

  #taken(write: Write): Write {
    const name = write.keys[0] as string
    if (this.#last.get(name)?.write === write) this.#last.delete(name)
    if (treeOf(write) !== undefined) this.#trees--
    return write
  }

  /** Merges all groups into the largest. */
  #merged(): Group {
    let largest = new Group()
    for (const group of this.#groups) if (group.size > largest.size) largest = group
    for (const group of this.#groups) {
      if (group === largest) continue
      largest.merge(group)
      this.#groups.delete(group)
    }
    return largest
  }
}

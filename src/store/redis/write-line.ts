import type { Write } from './script-calls.js'
import { COMMIT, RELEASE, RENEW } from './scripts/leases.js'
import type { Script } from './scripts/script.js'
import { treeOf } from './write-scope.js'

/** Maximum number of writes in one go, of each kind. */
const MAX_WRITES = 256

/**
 * Writes that end a computation, or keep its lease. They go before all others: behind as many new leases as a process
 * can ask for at once, each lease would lapse before its value is stored. They are bound to a token that the store has
 * handed out, so it makes no difference to anyone else's write which of the two is first.
 */
const URGENT: ReadonlySet<Script> = new Set([COMMIT, RENEW, RELEASE])

/** Minimum number of taken writes at which a group lets go of them, once they are more than those that wait. */
const MIN_TAKEN = 1_024

/** Writes in the order of their calls. */
class Group {
  #writes: Write[] = []
  #taken = 0
  /** The group that has taken in this one. */
  #into: Group | undefined

  get size(): number {
    return this.#writes.length - this.#taken
  }

  /** The group where the writes of this one are now. */
  get present(): Group {
    let group: Group = this
    while (group.#into) group = group.#into
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

  takeIn(other: Group): void {
    for (const write of other.take(other.size)) this.#writes.push(write)
    other.#into = this
  }
}

/** Last write of a name among those that wait, and its group. */
interface Waiting {
  readonly write: Write
  readonly group: Group
}

/**
 * Writes that wait for their turn. Those of one tick are a group, and groups take turns: a single write does not wait
 * for thousands of another caller's. The order of calls is kept where it matters. Writes of one name are always in one
 * group; and while the invalidation of a tree waits, there is only one group, where it is behind all that came before.
 */
export class WriteLine {
  readonly #urgent: Write[] = []
  /** In the order of their turns. */
  readonly #groups = new Set<Group>()
  readonly #waiting = new Map<string, Waiting>()
  /** Number of invalidations of a tree that wait. */
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
      const group = this.#waiting.get(name)?.group.present ?? own
      group.add(write)
      this.#groups.add(group)
      this.#waiting.set(name, { write, group })
    }
  }

  /** The next to be sent together. */
  take(): Write[] {
    const go = this.#urgent.splice(0, MAX_WRITES)
    const share = Math.max(1, Math.floor(MAX_WRITES / this.#groups.size))
    let room = MAX_WRITES
    // A group that is put behind the others comes up again in the same loop.
    for (const group of this.#groups) {
      if (room === 0) break
      const writes = group.take(Math.min(share, room))
      room -= writes.length
      this.#groups.delete(group)
      if (group.size > 0) this.#groups.add(group)
      for (const write of writes) go.push(this.#leaving(write))
    }
    return go
  }

  /** All that wait; nothing is left. */
  takeAll(): Write[] {
    const all: Write[] = []
    while (!this.isEmpty) all.push(...this.take())
    return all
  }

  #leaving(write: Write): Write {
    const name = write.keys[0] as string
    if (this.#waiting.get(name)?.write === write) this.#waiting.delete(name)
    if (treeOf(write) !== undefined) this.#trees--
    return write
  }

  /** Makes one group of all. */
  #merged(): Group {
    let largest = new Group()
    for (const group of this.#groups) if (group.size > largest.size) largest = group
    for (const group of this.#groups) {
      if (group === largest) continue
      largest.takeIn(group)
      this.#groups.delete(group)
    }
    return largest
  }
}

import type { Scheduler } from 'fast-check'
import type { Tracking, TrackingListener } from '../../src/store/tracking.js'
import type { Database, Floors } from './schedules.js'

/**
 * What one process is told of changes, in the order in which they happen, at any time after that: as a server with
 * client tracking tells it. A name is told of once, until it is read again.
 */
export class Stream implements Tracking {
  epoch: number | undefined = 1
  /** The changes that were certainly reported to this process. */
  floors: Floors
  readonly #s: Scheduler
  readonly #name: string
  readonly #database: Database
  readonly #tracked = new Set<string>()
  readonly #coming: (() => void)[] = []
  #listener!: TrackingListener
  #held: Promise<void> = Promise.resolve()
  #isConnected = true
  #epochs = 1

  constructor(s: Scheduler, name: string, database: Database) {
    this.#s = s
    this.#name = name
    this.#database = database
    this.floors = database.floors.copy()
  }

  isUpToDate(): boolean {
    return this.epoch !== undefined
  }

  start(listener: TrackingListener): void {
    this.#listener = listener
  }

  /** The process reads these names. */
  track(names: readonly string[]): void {
    if (this.#isConnected) for (const name of names) this.#tracked.add(name)
  }

  /** These names have changed. */
  change(names: readonly string[]): void {
    for (const name of names) {
      if (!this.#tracked.delete(name)) continue
      const [kind, path = ''] = name.split(' ')
      this.#send(name, () => {
        if (kind === 'at') this.#listener.entryChanged(path)
        else this.#listener.generationChanged(path)
      })
    }
  }

  /** The generation of a path lives longer from now on. */
  async prolong(path: string): Promise<void> {
    await this.#s.schedule(Promise.resolve(), `${path} is prolonged`)
    this.change([`above ${path}`])
  }

  /** Proves that all changes until now have been reported. */
  async prove(): Promise<void> {
    const floors = this.#database.floors.copy()
    await this.#s.schedule(Promise.resolve(), `${this.#name} pings`)
    if (!this.#isConnected) return
    await new Promise<void>((resolve) => this.#send('the answer to its ping', resolve))
    this.floors.raiseAll(floors)
  }

  /** Stops all reports, which the process notices only later; then it connects again. */
  async breakOff(): Promise<void> {
    await this.#s.schedule(Promise.resolve(), `${this.#name} is cut off`)
    this.#isConnected = false
    this.#tracked.clear()
    await new Promise<void>((resolve) => this.#send('that it is cut off', resolve))
    this.epoch = undefined
    this.#listener.lost()
    await this.#s.schedule(Promise.resolve(), `${this.#name} connects anew`)
    this.#isConnected = true
    this.epoch = ++this.#epochs
    // Its reads from now on are no older than this.
    this.floors = this.#database.floors.copy()
  }

  /** Reports are in transit until they are released. */
  hold(): () => void {
    let letGo!: () => void
    this.#held = new Promise<void>((resolve) => {
      letGo = resolve
    })
    return letGo
  }

  #send(what: string, message: () => void): void {
    this.#coming.push(message)
    void this.#held
      .then(() => this.#s.schedule(Promise.resolve(), `${this.#name} is told: ${what}`))
      .then(() => this.#coming.shift()?.())
  }
}

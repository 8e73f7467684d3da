import type { Redis } from 'ioredis'
import { ignore } from '../../src/background.js'
import type { StoreHealth } from '../../src/store/health.js'
import type { ServerClock } from '../../src/store/redis/clock.js'
import type { Argument, Command } from '../../src/store/redis/command.js'
import type { Names } from '../../src/store/redis/names.js'
import type { ScriptReply } from '../../src/store/redis/script-calls.js'
import { OBSERVE, RECLAIM, WRITE } from '../../src/store/redis/scripts/entries.js'
import { ENSURE } from '../../src/store/redis/scripts/generations.js'
import { CLEAR, EXPIRE, REMOVE } from '../../src/store/redis/scripts/invalidations.js'
import { ACQUIRE, COMMIT, RELEASE, RENEW } from '../../src/store/redis/scripts/leases.js'
import type { Script } from '../../src/store/redis/scripts/script.js'
import type { SendOptions, Server, ServerRead, Servers } from '../../src/store/redis/servers.js'
import type { StoreTracking } from '../../src/store/redis/tracking.js'
import type { Steps } from './steps.js'

const NAMES = new Map<Script, string>(
  Object.entries({
    ...{ ACQUIRE, CLEAR, COMMIT, ENSURE, EXPIRE, OBSERVE, RECLAIM, RELEASE, REMOVE, RENEW, WRITE },
  }).map(([name, script]) => [script, name]),
)

/**
 * Servers on which every script and every read of one name is a step, and so is each answer: as in a Cluster in which every
 * name has a server of its own, with any delay.
 */
export class SteppedServers implements Servers {
  readonly #servers: Servers
  readonly #steps: Steps
  readonly #process: string
  /** The last script of each path. */
  readonly #last = new Map<string, Promise<unknown>>()
  /** Whether calls wait for their turn. */
  isStepped = false

  constructor(servers: Servers, steps: Steps, process: string) {
    this.#servers = servers
    this.#steps = steps
    this.#process = process
  }

  async run(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<ScriptReply> {
    const [key] = keys as [string]
    const what = `${NAMES.get(script) ?? 'other script'} ${key}`
    // One connection carries the scripts of one path in the order of their calls.
    const path = /\{(.*)\}/.exec(key)?.[1] ?? key
    const running = (this.#last.get(path) ?? Promise.resolve()).then(() =>
      this.#step(what, () => this.#servers.run(script, keys, args)),
    )
    this.#last.set(path, running.catch(ignore))
    const reply = await running
    return await this.#step(`${what}: answer`, () => reply)
  }

  async read<T>(names: readonly string[], toResult: (read: ServerRead) => T): Promise<T> {
    if (!this.isStepped) return await this.#servers.read(names, toResult)
    const values = await Promise.all(
      names.map((name) =>
        this.#step(`reads ${name}`, () => this.#servers.read([name], (read) => read.values[0] ?? null)),
      ),
    )
    const now = this.clockOf(names[0] as string).at(performance.now())
    return await this.#step(`reads ${names[0]}: answer`, () =>
      toResult({ values, now, epoch: undefined, isOneMoment: false }),
    )
  }

  readShared<T>(_id: string, names: () => readonly string[], toResult: (read: ServerRead) => T): Promise<T> {
    return this.read(names(), toResult)
  }

  #step<T>(label: string, action: () => T | Promise<T>): Promise<T> {
    if (!this.isStepped) return Promise.resolve(action())
    return this.#steps.take(`${this.#process} ${label}`, action)
  }

  get description(): string {
    return this.#servers.description
  }

  get health(): StoreHealth {
    return this.#servers.health
  }

  probe(): Promise<void> {
    return this.#servers.probe()
  }

  get clientPrefix(): string {
    return this.#servers.clientPrefix
  }

  get isSilent(): boolean {
    return this.#servers.isSilent
  }

  probeNames(names: Names): Promise<readonly string[]> {
    return this.#servers.probeNames(names)
  }

  openTracking(names: Names, timeoutMs: number): StoreTracking {
    return this.#servers.openTracking(names, timeoutMs)
  }

  sendTo(name: string, commands: readonly Command[], options?: SendOptions): Promise<unknown[]> {
    return this.#servers.sendTo(name, commands, options)
  }

  masters(): Promise<readonly Server[]> {
    return this.#servers.masters()
  }

  openSubscriber(): Redis {
    return this.#servers.openSubscriber()
  }

  clockOf(name: string): ServerClock {
    return this.#servers.clockOf(name)
  }

  flush(): Promise<void> {
    return this.#servers.flush()
  }

  close(): void {
    this.#servers.close()
  }
}

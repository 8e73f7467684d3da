// Node's own, also while a test has faked the global one: it waits for a server.
import { setTimeout } from 'node:timers'
import type { Redis } from 'ioredis'
import { ignore } from '../../../background.js'
import type { BreakerMessage } from '../../../channels.js'
import { withDeadline } from '../../deadline.js'
import type { StoreHealth } from '../../health.js'
import type { ClusterAccess, ServerAccess } from '../access.js'
import type { ServerClock } from '../clock.js'
import type { Argument, Command } from '../command.js'
import type { Names } from '../names.js'
import { notResponding } from '../not-responding.js'
import { redirectionIn } from '../redirection.js'
import type { ScriptReply } from '../script-calls.js'
import type { Script } from '../scripts/script.js'
import type { SendOptions, Server, ServerRead, Servers, ServersOptions } from '../servers.js'
import { SingleServer } from '../single-server.js'
import type { StoreTracking } from '../tracking.js'
import { AdaptiveTracking } from './adaptive-tracking.js'
import { ClusterServers } from './cluster-servers.js'

/**
 * One server, or the Cluster that it turns out to be a node of: where it says so when the connection opens, or refuses
 * a command as such a node. What it has not run is sent again, to the Cluster.
 */
export class AdaptiveServers implements Servers {
  readonly clientPrefix: string
  readonly health: StoreHealth
  readonly #access: ServerAccess
  readonly #options: Omit<ServersOptions, 'redis'>
  readonly #single: SingleServer
  readonly #listeners: ((change: BreakerMessage) => void)[] = []
  #servers: Servers
  /** Whether it is known what the server is: what fails from then on has another reason. */
  #isDecided = false
  #refusal: string | undefined
  #isClosed = false
  #followTracking: (servers: Servers) => void = ignore

  constructor(access: ServerAccess, options: Omit<ServersOptions, 'redis'>) {
    this.#access = access
    this.#options = options
    this.clientPrefix = access.keyPrefix
    this.#single = new SingleServer({ ...options, redis: access })
    this.#servers = this.#single
    const servers = () => this.#servers
    this.health = {
      get breakers() {
        return servers().health.breakers
      },
      onChange: (listener) => {
        this.#listeners.push(listener)
      },
    }
    this.#single.health.onChange(this.#notify)
    this.#single.onKind((isCluster) => {
      this.#isDecided = true
      if (isCluster) this.#becomeCluster()
    })
  }

  get description(): string {
    return this.#servers.description
  }

  get isSilent(): boolean {
    return this.#servers.isSilent
  }

  probe(): Promise<void> {
    return this.#servers.probe()
  }

  run(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<ScriptReply> {
    if (this.#isDecided) return this.#servers.run(script, keys, args)
    return this.#orInCluster(
      () => this.#servers.run(script, keys, args),
      (cluster, limit) => cluster.run(script, keys, args, limit),
    )
  }

  read<T>(names: readonly string[], toResult: (read: ServerRead) => T, tracked?: boolean): Promise<T> {
    if (this.#isDecided) return this.#servers.read(names, toResult, tracked)
    return this.#orInCluster(
      () => this.#servers.read(names, toResult, tracked),
      (cluster, limit) => withDeadline(limit, cluster.read(names, toResult, tracked), 'Redis'),
    )
  }

  readShared<T>(
    id: string,
    names: () => readonly string[],
    toResult: (read: ServerRead) => T,
    tracked?: boolean,
  ): Promise<T> {
    if (this.#isDecided) return this.#servers.readShared(id, names, toResult, tracked)
    return this.#orInCluster(
      () => this.#servers.readShared(id, names, toResult, tracked),
      (cluster, limit) => withDeadline(limit, cluster.readShared(id, names, toResult, tracked), 'Redis'),
    )
  }

  sendTo(name: string, commands: readonly Command[], options: SendOptions = {}): Promise<unknown[]> {
    if (this.#isDecided) return this.#servers.sendTo(name, commands, options)
    return this.#orInCluster(
      () => this.#servers.sendTo(name, commands, options),
      (cluster, limit) =>
        cluster.sendTo(name, commands, { ...options, timeoutMs: Math.max(0, limit - performance.now()) }),
    )
  }

  async masters(): Promise<readonly Server[]> {
    // It may have been found by nothing else yet.
    if (!this.#isDecided) {
      await this.#orInCluster<unknown>(
        () => this.#single.sendAll([['PING']]),
        async () => undefined,
      )
    }
    return await this.#servers.masters()
  }

  async probeNames(names: Names): Promise<readonly string[]> {
    await this.masters()
    return await this.#servers.probeNames(names)
  }

  openTracking(names: Names, timeoutMs: number): StoreTracking {
    const tracking = new AdaptiveTracking(this.#servers.openTracking(names, timeoutMs))
    this.#followTracking = (servers) => tracking.replaceBy(servers.openTracking(names, timeoutMs))
    return tracking
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
    this.#isClosed = true
    this.#single.close()
    this.#servers.close()
  }

  readonly #notify = (change: BreakerMessage): void => {
    for (const listener of this.#listeners) listener(change)
  }

  async #orInCluster<T>(
    first: () => Promise<T>,
    again: (cluster: ClusterServers, limit: number) => Promise<T>,
  ): Promise<T> {
    if (this.#refusal !== undefined) throw notResponding(this.#refusal)
    const limit = performance.now() + this.#options.timeoutMs
    try {
      return await first()
    } catch (error) {
      const isUnsent = causeOf(error)?.name === 'NodeOfClusterError' || redirectionIn(error) !== undefined
      if (isUnsent && this.#refusal !== undefined) throw notResponding(this.#refusal, causeOf(error))
      if (isUnsent && this.#servers instanceof ClusterServers) return await again(this.#servers, limit)
      throw error
    }
  }

  #becomeCluster(): void {
    if (this.#servers !== this.#single || this.#isClosed) return
    const { host, port, db } = this.#access.current()
    if (host == null || Number(db ?? 0) !== 0) {
      this.#refusal =
        host == null
          ? "the server is a node of a Redis Cluster, which cannot be reached by this path or these sentinels: write redis: 'redis+cluster://host:6379'"
          : 'the server is a node of a Redis Cluster, which has database 0 only: leave the database number out'
      this.#isDecided = false
      return
    }
    const access: ClusterAccess = {
      kind: 'cluster',
      keyPrefix: this.#access.keyPrefix,
      startupNodes: () => [{ host, port: Number(port ?? 6379) }],
      natMap: this.#access.current().natMap ?? undefined,
      current: () => this.#access.current(),
    }
    this.#servers = new ClusterServers(access, this.#options)
    this.#servers.health.onChange(this.#notify)
    this.#followTracking(this.#servers)
    // What was sent to it may still get its answer.
    setTimeout(() => this.#single.close(), 2 * this.#options.timeoutMs).unref()
  }
}

function causeOf(error: unknown): Error | undefined {
  const { cause } = error as Error
  return cause instanceof Error ? cause : undefined
}

// Node's own, also while a test has faked the global one: it is the end of this tick, and no time.
import { setImmediate } from 'node:timers'
import { setTimeout as pause } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import type { BreakerMessage } from '../../../channels.js'
import { withDeadline } from '../../deadline.js'
import type { StoreHealth } from '../../health.js'
import { type ClusterAccess, nodeAccess, type ServerAccess } from '../access.js'
import { ServerClock } from '../clock.js'
import type { Argument, Command } from '../command.js'
import { replaceSilentSubscriptions } from '../handshake.js'
import type { Names } from '../names.js'
import { asNotResponding, notResponding } from '../not-responding.js'
import { ownClients, reconnect } from '../own-client.js'
import type { ReadBatch } from '../read-batch.js'
import { ASKING, redirectionIn } from '../redirection.js'
import type { Address } from '../redis-url.js'
import type { ScriptReply, Write } from '../script-calls.js'
import type { Script } from '../scripts/script.js'
import type { SendOptions, Server, ServerRead, Servers, ServersOptions } from '../servers.js'
import type { StoreTracking } from '../tracking.js'
import { WriteOrder } from '../write-order.js'
import type { ClusterNode } from './cluster-node.js'
import { ClusterTracking } from './cluster-tracking.js'
import { slotOf } from './slot.js'
import { textOf } from './slot-owners.js'
import { Topology } from './topology.js'

/** Pauses before a command is sent again that has met an open slot, or the third redirection in a row. */
const AGAIN_MS = { first: 5, maximum: 50 }

/** Minimum time for that: where this process was too busy to read a redirection, its deadline may be over. */
const MIN_LEFT_MS = 50

/** Part of a read: the answer of one node. */
type Part = Omit<ServerRead, 'now'>

interface SharedRead {
  readonly reading: Promise<unknown>
  /** The batches that it is in, with the nodes that they go to. */
  readonly batches: readonly (readonly [ClusterNode, ReadBatch])[]
}

/**
 * The masters of a Redis Cluster, each with a connection of its own. A command is sent again only where a node says
 * that it has not run it, and within the deadline of its caller.
 */
export class ClusterServers implements Servers {
  readonly clientPrefix: string
  readonly health: StoreHealth
  readonly #access: ClusterAccess
  readonly #topology: Topology
  readonly #timeoutMs: number
  readonly #connectTimeoutMs: number
  readonly #unknownClock = new ServerClock()
  /** Reads of this tick that callers may share, by their ids. */
  readonly #shared = new Map<string, SharedRead>()
  readonly #subscribers = new Map<Redis, Address>()
  #tracking: ClusterTracking | undefined

  constructor(access: ClusterAccess, options: Omit<ServersOptions, 'redis'>) {
    this.#access = access
    this.clientPrefix = access.keyPrefix
    this.#timeoutMs = options.timeoutMs
    this.#connectTimeoutMs = options.connectTimeoutMs
    const listeners: ((change: BreakerMessage) => void)[] = []
    const onBreakerChange = (change: BreakerMessage) => {
      for (const listener of listeners) listener(change)
    }
    const nodes = { ...options, access, order: new WriteOrder(), onBreakerChange }
    const topology = new Topology(nodes, () => this.#changed())
    this.#topology = topology
    this.health = {
      get breakers() {
        return topology.masters.flatMap(({ health }) => health.breakers)
      },
      onChange: (listener) => void listeners.push(listener),
    }
  }

  get description(): string {
    const nodes = this.#access.startupNodes().map(textOf)
    const more = nodes.length > 3 ? ` and ${nodes.length - 3} more` : ''
    return `redis cluster ${nodes.slice(0, 3).join()}${more}`
  }

  get isSilent(): boolean {
    return this.#topology.masters.some(({ isSilent }) => isSilent)
  }

  async probe(): Promise<void> {
    await Promise.all(this.#topology.masters.map((node) => node.probe()))
  }

  /** A `limit` is a moment after which the script must not run, where the caller has waited before. */
  async run(
    script: Script,
    keys: readonly string[],
    args: readonly Argument[],
    limit?: number,
  ): Promise<ScriptReply> {
    const slot = slotOf(keys[0] as string)
    const write: Write = { script, keys, args, slot, ...(limit === undefined ? {} : { limit }) }
    if (!this.#topology.isKnown) {
      write.limit ??= performance.now() + this.#timeoutMs
      await this.#topology.ready(write.limit)
    }
    const owner = this.#ownerOf(slot)
    try {
      return await owner.batching.runWrite(write)
    } catch (error) {
      const enough = extended(write.deadline)
      write.limit = enough
      return await this.#redirected(slot, owner, error, enough, (node, isAsking) => {
        write.isAsking = isAsking
        return withDeadline(enough, node.batching.runWrite(write), 'Redis')
      })
    }
  }

  async read<T>(names: readonly string[], toResult: (read: ServerRead) => T, tracked = false): Promise<T> {
    const limit = performance.now() + this.#timeoutMs
    if (!this.#topology.isKnown) {
      await this.#topology.ready(limit)
      return toResult(await withDeadline(limit, this.#readAll(names, tracked, limit), 'Redis'))
    }
    return toResult(await this.#readAll(names, tracked, limit))
  }

  readShared<T>(
    id: string,
    names: () => readonly string[],
    toResult: (read: ServerRead) => T,
    tracked = false,
  ): Promise<T> {
    const shared = this.#shared.get(id)
    if (shared?.batches.every(([node, batch]) => node.batching.openReads === batch)) {
      if (tracked) for (const [, batch] of shared.batches) batch.isTracked = true
      return shared.reading as Promise<T>
    }
    const all = names()
    const reading = this.read(all, toResult, tracked)
    if (this.#topology.isKnown) {
      if (this.#shared.size === 0) setImmediate(() => this.#shared.clear())
      const nodes = [...new Set(all.map((name) => this.#topology.ownerOf(slotOf(name))))]
      const batches = nodes.flatMap((node): [ClusterNode, ReadBatch][] => {
        const batch = node?.batching.openReads
        return node && batch ? [[node, batch]] : []
      })
      if (batches.length === nodes.length) this.#shared.set(id, { reading, batches })
    }
    return reading
  }

  async sendTo(name: string, commands: readonly Command[], options: SendOptions = {}): Promise<unknown[]> {
    const slot = slotOf(name)
    const limit = performance.now() + (options.timeoutMs ?? this.#timeoutMs)
    await this.#topology.ready(limit)
    const replies: unknown[] = []
    let open = [...commands.keys()]
    const send = async (node: ClusterNode, isAsking: boolean): Promise<unknown[]> => {
      const sent = open.flatMap((index): Command[] => {
        const command = commands[index] as Command
        return isAsking ? [ASKING, command] : [command]
      })
      const all = await node.sendAll(sent, { ...options, timeoutMs: limit - performance.now() })
      const own = isAsking ? all.filter((_, index) => index % 2 === 1) : all
      for (const [place, index] of open.entries()) replies[index] = own[place]
      open = open.filter((index) => redirectionIn(replies[index]) !== undefined)
      const [first] = open
      if (first !== undefined) throw replies[first]
      return replies
    }
    const owner = this.#ownerOf(slot)
    try {
      return await send(owner, false)
    } catch (error) {
      return await this.#redirected(slot, owner, error, limit, send).catch((failure: unknown) => {
        // Each command has its own reply, also where it is that no node runs it.
        if (redirectionIn(failure) !== undefined) return replies
        throw failure
      })
    }
  }

  async masters(): Promise<readonly Server[]> {
    await this.#topology.ready(performance.now() + this.#timeoutMs)
    return this.#topology.masters
  }

  clockOf(name: string): ServerClock {
    return this.#topology.ownerOf(slotOf(name))?.clock ?? this.#unknownClock
  }

  async probeNames(names: Names): Promise<readonly string[]> {
    await this.#topology.ready(performance.now() + this.#timeoutMs)
    return this.#topology.masters.map((node) => {
      let count = 0
      return this.#topology.nameOn(node, () => names.probeWithTag(String(count++)))
    })
  }

  openTracking(names: Names, timeoutMs: number): StoreTracking {
    const tracking = new ClusterTracking(this.#topology, names, timeoutMs)
    this.#tracking = tracking
    return tracking
  }

  /** It connects to another node where the last was lost: a message that is published on one reaches all. */
  openSubscriber(): Redis {
    let opened: Redis | undefined
    const current = () => {
      // No server has port 0.
      const address = this.#topology.anyAddress() ?? { host: '127.0.0.1', port: 0 }
      if (opened) this.#subscribers.set(opened, address)
      return nodeAccess(this.#access, address).current()
    }
    const access: ServerAccess = { ...nodeAccess(this.#access, { host: '', port: 0 }), current }
    const subscriber = ownClients(access, this.#connectTimeoutMs).openSubscriber()
    opened = subscriber
    subscriber.on('end', () => this.#subscribers.delete(subscriber))
    return replaceSilentSubscriptions(subscriber)
  }

  async flush(): Promise<void> {
    await Promise.all(this.#topology.nodes.map((node) => node.batching.flush()))
  }

  close(): void {
    this.#topology.close()
  }

  async #readAll(names: readonly string[], tracked: boolean, limit: number): Promise<ServerRead> {
    const byNode = new Map<ClusterNode, string[]>()
    const owners = names.map((name) => {
      const owner = this.#ownerOf(slotOf(name))
      const own = byNode.get(owner)
      if (own) own.push(name)
      else byNode.set(owner, [name])
      return owner
    })
    const [first] = owners
    const now = () => (first?.clock ?? this.#unknownClock).at(performance.now())
    const reading = [...byNode].map(([node, own]) => this.#readPart(node, own, tracked, limit))
    if (reading.length === 1) return { ...(await (reading[0] as Promise<Part>)), now: now() }
    const parts = await Promise.all(reading)
    const places = new Map([...byNode.keys()].map((node, index) => [node, parts[index]?.values.values()]))
    const epochs = new Set(parts.map(({ epoch }) => epoch))
    return {
      values: owners.map((owner) => places.get(owner)?.next().value ?? null),
      now: now(),
      epoch: epochs.size === 1 ? parts[0]?.epoch : undefined,
      isOneMoment: false,
    }
  }

  async #readPart(
    node: ClusterNode,
    names: readonly string[],
    tracked: boolean,
    limit: number,
  ): Promise<Part> {
    try {
      const toPart = (values: (Buffer | null)[], epoch: number | undefined, isOneMoment: boolean): Part => {
        return { values, epoch, isOneMoment }
      }
      return await node.batching.read(names, toPart, tracked)
    } catch (error) {
      const redirection = redirectionIn(error)
      if (redirection === undefined) throw this.#noticed(node, error)
      if (redirection.kind === 'moved') {
        this.#topology.moved(redirection.slot, this.#topology.redirectedTo(redirection.to, node))
      }
      const enough = extended(limit)
      // Each by a command of its own: while a slot is moved, some of its names are here and others there.
      const values = await Promise.all(names.map((name) => this.#readAlone(name, enough)))
      return { values, epoch: undefined, isOneMoment: false }
    }
  }

  async #readAlone(name: string, limit: number): Promise<Buffer | null> {
    const slot = slotOf(name)
    const read = async (node: ClusterNode, isAsking: boolean): Promise<Buffer | null> => {
      const commands: Command[] = isAsking ? [ASKING, ['MGET', name]] : [['MGET', name]]
      const replies = await node.sendAll(commands, { timeoutMs: limit - performance.now() })
      const reply = replies.at(-1)
      if (reply instanceof Error) throw asNotResponding(reply)
      return (reply as (Buffer | null)[])[0] ?? null
    }
    const owner = this.#ownerOf(slot)
    try {
      return await read(owner, false)
    } catch (error) {
      return await this.#redirected(slot, owner, error, limit, read)
    }
  }

  /** Sends again what a node has not run, to the node that it names, until it has run or the deadline is over. */
  async #redirected<T>(
    slot: number,
    from: ClusterNode,
    given: unknown,
    limit: number,
    send: (node: ClusterNode, isAsking: boolean) => Promise<T>,
  ): Promise<T> {
    let error = given
    let node = from
    let pauseMs = AGAIN_MS.first
    for (let attempt = 1; ; attempt++) {
      const redirection = redirectionIn(error)
      if (!redirection || redirection.kind === 'down' || redirection.kind === 'cross') {
        throw this.#noticed(node, error)
      }
      if (redirection.kind === 'again' || attempt > 2) {
        if (performance.now() + pauseMs >= limit) throw asNotResponding(error)
        await pause(pauseMs)
        pauseMs = Math.min(2 * pauseMs, AGAIN_MS.maximum)
      }
      if (performance.now() >= limit) throw asNotResponding(error)
      if (redirection.kind === 'again') node = this.#ownerOf(slot)
      else node = this.#topology.redirectedTo(redirection.to, node)
      if (redirection.kind === 'moved') this.#topology.moved(redirection.slot, node)
      try {
        return await send(node, redirection.kind === 'ask')
      } catch (next) {
        error = next
      }
    }
  }

  #ownerOf(slot: number): ClusterNode {
    const owner = this.#topology.ownerOf(slot)
    if (owner) return owner
    this.#topology.refreshSoon()
    throw notResponding('no node of the Cluster has the slot of this key')
  }

  /** Looks for another master where one is away. Returns the error for the caller. */
  #noticed(node: ClusterNode, error: unknown): unknown {
    if (!node.isReady || node.isSilent) this.#topology.doubt(node)
    else if (redirectionIn(error)?.kind === 'down') this.#topology.refreshSoon()
    return asNotResponding(error)
  }

  #changed(): void {
    this.#tracking?.mastersChanged()
    const known = new Set(this.#topology.masters.map(({ address }) => textOf(address)))
    for (const [subscriber, address] of this.#subscribers) {
      if (!known.has(textOf(address))) reconnect(subscriber)
    }
  }
}

function extended(deadline = 0): number {
  return Math.max(deadline, performance.now() + MIN_LEFT_MS)
}

import { setTimeout as pause } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { type RedisServer, startRedis } from './redis.js'

const SLOTS = 16_384
const REPLICATION = ['--repl-diskless-sync-delay', '0', '--repl-ping-replica-period', '1']

/** Maximum time for a step of the cluster, on a busy machine. */
const STEP_MS = 30_000

/** A node of a Redis Cluster: its server, and a client of it that the cache knows nothing of. */
export interface ClusterNode extends Pick<RedisServer, 'port' | 'pid'> {
  readonly id: string
  readonly address: { readonly host: string; readonly port: number }
  readonly admin: Redis
  /** SIGSTOP: connections stay open and nothing answers. */
  freeze(): void
  /** SIGCONT. */
  thaw(): void
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>
  /** Starts a killed node again, with its place in the cluster and without its keys. */
  start(): Promise<void>
}

/** A Redis Cluster of one test file, on loopback ports: three masters, each with a replica. */
export interface RedisCluster {
  readonly nodes: readonly ClusterNode[]
  /** Names the first three nodes. */
  readonly url: string
  /** The masters that have slots, as a node that runs knows them. */
  masters(): Promise<ClusterNode[]>
  /** The master of the slot of a key. */
  masterOf(key: string): Promise<ClusterNode>
  /** A replica of a master. */
  replicaOf(master: ClusterNode): Promise<ClusterNode>
  /** Makes a replica the master of its master's slots (`CLUSTER FAILOVER`). Resolves to it when all nodes know. */
  failover(master: ClusterNode): Promise<ClusterNode>
  /** Resolves to the new master of what a killed or frozen master had, when all running nodes know it. */
  takenOver(master: ClusterNode): Promise<ClusterNode>
  /** Moves slots with their keys, one after the other, while they are in use. `onSlot` is called in the middle of each. */
  reshard(
    from: ClusterNode,
    to: ClusterNode,
    slots: number | readonly number[],
    onSlot?: (slot: number) => unknown,
  ): Promise<void>
  /** Adds a master without slots. */
  addNode(): Promise<ClusterNode>
  /** Removes a node without slots, and ends its server. */
  removeNode(node: ClusterNode): Promise<void>
  /** Empties all masters. */
  flush(): Promise<void>
  stop(): Promise<void>
}

export interface RedisClusterOptions {
  /** Milliseconds after which a node that does not answer is replaced. @default 1_500 */
  readonly nodeTimeoutMs?: number
  /** Whether each master has a replica. @default true */
  readonly replicas?: boolean
  /** Further arguments of each server. */
  readonly args?: readonly string[]
}

interface Node extends ClusterNode {
  readonly server: RedisServer
  isUp: boolean
}

/** Starts six nodes, three without replicas, and makes them a cluster. They end with this process, however that ends. */
export async function startRedisCluster({
  nodeTimeoutMs = 1_500,
  replicas = true,
  args = [],
}: RedisClusterOptions = {}): Promise<RedisCluster> {
  const start = () => startNode(nodeTimeoutMs, args)
  const nodes = await Promise.all(Array.from({ length: replicas ? 6 : 3 }, start))
  const cluster = new Cluster(nodes, start)
  try {
    await cluster.form()
  } catch (error) {
    await cluster.stop()
    throw error
  }
  return cluster
}

class Cluster implements RedisCluster {
  constructor(
    readonly nodes: Node[],
    readonly startNode: () => Promise<Node>,
  ) {}

  get url(): string {
    return `redis+cluster://${this.nodes.slice(0, 3).map(({ port }) => `127.0.0.1:${port}`)}`
  }

  async form(): Promise<void> {
    const masters = this.nodes.slice(0, 3)
    // Each has another epoch, or they would have to settle that first.
    await Promise.all(
      this.nodes.map(({ admin }, index) => admin.call('CLUSTER', 'SET-CONFIG-EPOCH', index + 1)),
    )
    await Promise.all(
      masters.map(({ admin }, index) => {
        const [first, next] = [index, index + 1].map((part) => Math.floor((part * SLOTS) / 3)) as [
          number,
          number,
        ]
        return admin.call('CLUSTER', 'ADDSLOTSRANGE', first, next - 1)
      }),
    )
    await this.#meet(this.nodes)
    await Promise.all(
      this.nodes.slice(3).map((replica, index) => this.#replicate(replica, masters[index] as Node)),
    )
    await this.#agree(() => true)
  }

  async masters(): Promise<Node[]> {
    return [...new Set(await this.#owners())].flatMap((id) => this.nodes.find((node) => node.id === id) ?? [])
  }

  async masterOf(key: string): Promise<Node> {
    const slot = await this.#up()[0]?.admin.cluster('KEYSLOT', key)
    const id = (await this.#owners())[Number(slot)]
    return this.nodes.find((node) => node.id === id) as Node
  }

  async replicaOf(master: ClusterNode): Promise<Node> {
    for (const line of await this.#lines(this.#up()[0] as Node)) {
      const [id, , flags, masterId] = line
      const node = this.nodes.find((known) => known.id === id)
      if (masterId === master.id && node?.isUp && flags?.includes('slave')) return node
    }
    throw new Error(`No running replica of the node at ${master.port} is known.`)
  }

  async failover(master: ClusterNode): Promise<Node> {
    const replica = await this.replicaOf(master)
    await until('the replica is in step', async () => {
      return /master_link_status:up/.test(await replica.admin.info('replication'))
    })
    await replica.admin.cluster('FAILOVER')
    await this.#agree((owners) => owners.includes(replica.id) && !owners.includes(master.id))
    return replica
  }

  async takenOver(master: ClusterNode): Promise<Node> {
    const replica = await this.replicaOf(master)
    await this.#agree((owners) => owners.includes(replica.id) && !owners.includes(master.id))
    return replica
  }

  async reshard(
    from: ClusterNode,
    to: ClusterNode,
    slots: number | readonly number[],
    onSlot?: (slot: number) => unknown,
  ): Promise<void> {
    const own = (await this.#owners()).flatMap((id, slot) => (id === from.id ? [slot] : []))
    const moved = typeof slots === 'number' ? own.slice(0, slots) : slots
    if (moved.some((slot) => !own.includes(slot)) || moved.length === 0) {
      throw new Error(`The node at ${from.port} has no such slots.`)
    }
    const others = (await this.masters()).filter((master) => master !== from && master !== to)
    for (const slot of moved) {
      await to.admin.cluster('SETSLOT', slot, 'IMPORTING', from.id)
      await from.admin.cluster('SETSLOT', slot, 'MIGRATING', to.id)
      await onSlot?.(slot)
      for (;;) {
        const names = (await from.admin.call('CLUSTER', 'GETKEYSINSLOT', slot, 100)) as string[]
        if (names.length === 0) break
        await from.admin.call('MIGRATE', '127.0.0.1', to.port, '', 0, 5_000, 'KEYS', ...names)
      }
      // The new owner first: a slot that is nobody's is refused by all.
      await to.admin.cluster('SETSLOT', slot, 'NODE', to.id)
      await from.admin.cluster('SETSLOT', slot, 'NODE', to.id).catch((error: Error) => {
        // It has heard of it already: with its last slot it has become a replica.
        if (!error.message.includes('only with masters')) throw error
      })
      // They would hear of it later.
      await Promise.all(others.map(({ admin }) => admin.cluster('SETSLOT', slot, 'NODE', to.id)))
    }
    await this.#agree((owners) => moved.every((slot) => owners[slot] === to.id))
  }

  async addNode(): Promise<Node> {
    const node = await this.startNode()
    this.nodes.push(node)
    await this.#meet([node])
    await this.#agree(() => true)
    return node
  }

  async removeNode(node: ClusterNode): Promise<void> {
    const own = node as Node
    this.nodes.splice(this.nodes.indexOf(own), 1)
    await Promise.all(this.#up().map(({ admin }) => admin.call('CLUSTER', 'FORGET', node.id)))
    await end(own)
  }

  async flush(): Promise<void> {
    await Promise.all((await this.masters()).map(({ admin }) => admin.flushall()))
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map(end))
  }

  #up(): Node[] {
    return this.nodes.filter(({ isUp }) => isUp)
  }

  async #meet(nodes: readonly Node[]): Promise<void> {
    for (const { admin } of nodes) {
      for (const { port } of this.nodes) await admin.call('CLUSTER', 'MEET', '127.0.0.1', port)
    }
    await until('the nodes know each other', async () => {
      const known = await Promise.all(this.#up().map((node) => this.#lines(node)))
      return known.every(
        (lines) =>
          lines.length === this.nodes.length && lines.every(([, , flags]) => !flags?.includes('handshake')),
      )
    })
  }

  async #replicate(replica: Node, master: Node): Promise<void> {
    await replica.admin.call('CLUSTER', 'REPLICATE', master.id)
    await until('the replica is in step', async () => {
      return /master_link_status:up/.test(await replica.admin.info('replication'))
    })
  }

  /** Waits until all running nodes know the same owners, of whom this is true, and serve. */
  async #agree(isTrue: (owners: readonly string[]) => boolean): Promise<void> {
    await until('the nodes agree', async () => {
      const views = await Promise.all(
        this.#up().map(async (node) => {
          const [owners, info] = await Promise.all([this.#owners(node), node.admin.cluster('INFO')])
          return info.includes('cluster_state:ok') && isTrue(owners) ? owners.join() : undefined
        }),
      )
      return views[0] !== undefined && views.every((view) => view === views[0])
    })
  }

  /** Ids of the owners of all slots. */
  async #owners(node = this.#up()[0] as Node): Promise<string[]> {
    const owners = new Array<string>(SLOTS).fill('')
    for (const [id = '', , , , , , , , ...ranges] of await this.#lines(node)) {
      for (const range of ranges) {
        const [first = '', last = first] = range.split('-')
        if (range.startsWith('[')) continue
        owners.fill(id, Number(first), Number(last) + 1)
      }
    }
    return owners
  }

  /** @see https://redis.io/docs/latest/commands/cluster-nodes/ */
  async #lines(node: Node): Promise<string[][]> {
    const text = String(await node.admin.cluster('NODES'))
    return text
      .trim()
      .split('\n')
      .map((line) => line.split(' '))
  }
}

async function startNode(nodeTimeoutMs: number, args: readonly string[]): Promise<Node> {
  const server = await startRedis({
    args: [
      ...['--cluster-enabled', 'yes', '--cluster-node-timeout', String(nodeTimeoutMs)],
      ...['--cluster-replica-validity-factor', '0', ...REPLICATION, ...args],
    ],
  })
  const { port } = server
  // Without a limit: it is there to wait for a node that starts again.
  const admin = new Redis({ port, host: '127.0.0.1', retryStrategy: () => 50, maxRetriesPerRequest: null })
  admin.on('error', () => {})
  const node: Node = {
    server,
    port,
    address: { host: '127.0.0.1', port },
    admin,
    id: String(await admin.cluster('MYID')),
    isUp: true,
    get pid() {
      return server.pid
    },
    freeze() {
      node.isUp = false
      server.freeze()
    },
    thaw() {
      server.thaw()
      node.isUp = true
    },
    kill() {
      node.isUp = false
      return server.kill()
    },
    async start() {
      await server.restart()
      node.isUp = true
    },
  }
  return node
}

async function end({ admin, server }: Node): Promise<void> {
  admin.disconnect()
  await server.stop()
}

async function until(what: string, isTrue: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + STEP_MS
  while (!(await isTrue())) {
    if (performance.now() > deadline) throw new Error(`Waited ${STEP_MS} ms until ${what}.`)
    await pause(20)
  }
}

// Node's own, also while a test has faked the global ones: they wait for servers.
import { clearInterval, clearTimeout, setInterval, setTimeout } from 'node:timers'
import { setTimeout as pause } from 'node:timers/promises'
import { detached, ignore } from '../../../background.js'
import { BACKGROUND, withDeadline } from '../../deadline.js'
import { asNotResponding, notResponding } from '../not-responding.js'
import type { Address } from '../redis-url.js'
import { ClusterNode, type ClusterNodeOptions } from './cluster-node.js'
import { firstAnswer } from './first-answer.js'
import { SLOTS, slotOf } from './slot.js'
import { type OwnedRange, ownedRanges, reachable, textOf } from './slot-owners.js'

/** Interval at which the owners of all slots are read, since a node that is not used says nothing. */
const REFRESH_MS = 10_000

/** Time from a redirection, or from a failure of the Cluster, to the refresh. */
const SOON_MS = 100

/** Pauses between refreshes while a master is away, until the Cluster has another one. */
const DOUBT_PAUSE_MS = { first: 100, maximum: 1_000 }

/** Maximum number of names that are tried for one in a slot of a certain node. */
const MAX_NAMES = 100_000

/** How long a node may take to say who owns which slots, and the time after which another one is asked too. */
const ASK_MS = { timeout: 1_000, patience: 100 }

/**
 * The nodes of a Cluster, and which of them is the master of each slot. It is read from any node:
 * at first use, at intervals, after a redirection, and again and again while a master is away.
 */
export class Topology {
  readonly #options: ClusterNodeOptions
  /** By address: the masters, and nodes that are asked or redirected to. */
  readonly #nodes = new Map<string, ClusterNode>()
  /** By slot; `undefined` until a node has answered. */
  #owners: (ClusterNode | undefined)[] | undefined
  #masters: readonly ClusterNode[] = []
  #replicas: readonly Address[] = []
  #refreshing: Promise<void> | undefined
  /** Masters that are away, or were. */
  readonly #doubted = new Set<ClusterNode>()
  #isFollowing = false
  #interval: NodeJS.Timeout | undefined
  #soon: NodeJS.Timeout | undefined
  readonly #leaving = new Set<ClusterNode>()
  readonly #closed = new AbortController()
  readonly #onChanged: () => void

  /** `onChanged` is called when a slot has another master. */
  constructor(options: ClusterNodeOptions, onChanged: () => void) {
    this.#options = options
    this.#onChanged = onChanged
  }

  /** Whether the masters of the slots are known. */
  get isKnown(): boolean {
    return this.#owners !== undefined
  }

  /** The masters that have slots. */
  get masters(): readonly ClusterNode[] {
    return this.#masters
  }

  /** Every node that has a connection, or gets one. */
  get nodes(): readonly ClusterNode[] {
    return [...this.#nodes.values(), ...this.#leaving]
  }

  /** The first of these names that is in a slot of this node. */
  nameOn(node: ClusterNode, next: () => string): string {
    for (let attempt = 0; attempt < MAX_NAMES; attempt++) {
      const name = next()
      if (this.ownerOf(slotOf(name)) === node) return name
    }
    throw notResponding('a node has no slots any more')
  }

  ownerOf(slot: number): ClusterNode | undefined {
    return this.#owners?.[slot]
  }

  /** Resolves when the masters of the slots are known. */
  async ready(deadline: number): Promise<void> {
    if (!this.isKnown) await withDeadline(deadline, this.refresh(), 'Redis')
  }

  /** Reads the masters of all slots. All callers share one refresh. */
  refresh(): Promise<void> {
    this.#refreshing ??= detached(() => this.#refresh()).finally(() => {
      this.#refreshing = undefined
    })
    return this.#refreshing
  }

  /** Takes the address to which a node redirects. Returns the node there. */
  redirectedTo(to: Address, from: ClusterNode): ClusterNode {
    return this.#nodeAt(reachable(to, from.address, this.#options.access.natMap))
  }

  /** Takes the new owner of a slot from a redirection. */
  moved(slot: number, owner: ClusterNode): void {
    if (this.#owners === undefined || this.#owners[slot] === owner) return
    this.#owners[slot] = owner
    this.#onChanged()
    this.refreshSoon()
  }

  /** Reads the masters in a moment: where many calls show that they have changed, one refresh serves all. */
  refreshSoon(): void {
    if (this.#closed.signal.aborted) return
    this.#soon ??= detached(() => setTimeout(() => this.#refreshNow(), SOON_MS)).unref()
  }

  /** Follows the Cluster until this master is back, or is none any more. */
  doubt(master: ClusterNode): void {
    this.#doubted.add(master)
    if (!this.#isFollowing) void detached(() => this.#follow())
  }

  /** An address at which a node probably answers. */
  anyAddress(): Address | undefined {
    const [ready] = shuffled(this.#masters.filter((node) => node.isReady && !node.isSilent))
    return ready?.address ?? shuffled(this.#candidates())[0]
  }

  close(): void {
    this.#closed.abort()
    clearInterval(this.#interval)
    clearTimeout(this.#soon)
    for (const node of this.nodes) node.close()
  }

  async #follow(): Promise<void> {
    const { signal } = this.#closed
    this.#isFollowing = true
    for (let pauseMs = DOUBT_PAUSE_MS.first; !signal.aborted; ) {
      await this.refresh().catch(ignore)
      for (const node of this.#doubted) {
        const isBack = node.isReady && !node.isSilent
        if (isBack || !this.#masters.includes(node)) this.#doubted.delete(node)
      }
      if (this.#doubted.size === 0) break
      await pause(pauseMs, undefined, { signal, ref: false }).catch(ignore)
      pauseMs = Math.min(2 * pauseMs, DOUBT_PAUSE_MS.maximum)
    }
    this.#isFollowing = false
  }

  #refreshNow(): void {
    this.#soon = undefined
    this.refresh().catch(ignore)
  }

  async #refresh(): Promise<void> {
    const { signal } = this.#closed
    if (signal.aborted) throw notResponding('its connections were closed')
    const candidates = this.#candidates()
    if (candidates.length === 0) throw notResponding('no node of the Cluster is known')
    let ranges: OwnedRange[]
    try {
      ranges = await firstAnswer(
        candidates.map((address) => () => this.#ask(address)),
        ASK_MS.patience,
      )
    } catch (error) {
      ranges = rangesIn(error as AggregateError)
    }
    if (signal.aborted) return
    this.#take(ranges)
    this.#interval ??= setInterval(() => this.#refreshNow(), REFRESH_MS).unref()
  }

  /** Addresses to ask, the most promising first. */
  #candidates(): Address[] {
    const isGood = (node: ClusterNode) => node.isReady && !node.isSilent && !this.#doubted.has(node)
    const good = this.#masters.filter(isGood)
    const others = this.#masters.filter((node) => !isGood(node))
    const all = [
      ...shuffled(good).map(({ address }) => address),
      ...shuffled([...others.map(({ address }) => address), ...this.#options.access.startupNodes()]),
      ...shuffled(this.#replicas),
    ]
    return [...new Map(all.map((address) => [textOf(address), address])).values()]
  }

  async #ask(address: Address): Promise<OwnedRange[]> {
    const node = this.#nodeAt(address)
    const [slots, info] = await node.sendAll(
      [
        ['CLUSTER', 'SLOTS'],
        ['CLUSTER', 'INFO'],
      ],
      { ...BACKGROUND, timeoutMs: ASK_MS.timeout },
    )
    const ranges = ownedRanges(slots, address, this.#options.access.natMap)
    if (ranges === undefined) throw asNotResponding(slots)
    // One that is cut off from the others may have an old view. Where the user may not read the state, it counts as good.
    if (ranges.length === 0 || /^cluster_state:fail/m.test(String(info))) throw new UncertainError(ranges)
    return ranges
  }

  #take(ranges: readonly OwnedRange[]): void {
    const owners = new Array<ClusterNode | undefined>(SLOTS).fill(undefined)
    for (const { first, last, master } of ranges) owners.fill(this.#nodeAt(master), first, last + 1)
    const before = this.#owners
    this.#owners = owners
    this.#masters = [...new Set(owners)].filter((node) => node !== undefined)
    this.#replicas = ranges.flatMap(({ replicas }) => replicas)
    for (const node of this.#nodes.values()) if (!this.#masters.includes(node)) this.#leave(node)
    if (before === undefined || owners.some((owner, slot) => owner !== before[slot])) this.#onChanged()
  }

  #nodeAt(address: Address): ClusterNode {
    const name = textOf(address)
    const known = this.#nodes.get(name)
    if (known) return known
    if (this.#closed.signal.aborted) throw notResponding('its connections were closed')
    const node = new ClusterNode(address, this.#options)
    node.onLost(() => {
      if (this.#masters.includes(node)) this.doubt(node)
    })
    this.#nodes.set(name, node)
    return node
  }

  /** Closes the connection to a node when all that is under way on it has its answer. */
  #leave(node: ClusterNode): void {
    this.#nodes.delete(textOf(node.address))
    this.#leaving.add(node)
    const close = () => {
      this.#leaving.delete(node)
      node.close()
    }
    setTimeout(close, 2 * Math.max(this.#options.timeoutMs, ASK_MS.timeout)).unref()
  }
}

/** The answer of a node that knows of a failure itself. It is taken where no other node answers. */
class UncertainError extends Error {
  constructor(readonly ranges: OwnedRange[]) {
    super('the Cluster is down')
  }
}

/** The best of the answers where none was good. @throws CacheNotRespondingError where there is none at all */
function rangesIn({ errors }: AggregateError): OwnedRange[] {
  const uncertain = errors.filter((error): error is UncertainError => error instanceof UncertainError)
  const [best] = uncertain.sort((one, other) => other.ranges.length - one.ranges.length)
  if (best && best.ranges.length > 0) return best.ranges
  throw asNotResponding(errors.find((error) => !(error instanceof UncertainError)) ?? errors[0])
}

function shuffled<T>(given: readonly T[]): T[] {
  const all = [...given]
  for (let last = all.length - 1; last > 0; last--) {
    const other = Math.floor(Math.random() * (last + 1))
    ;[all[last], all[other]] = [all[other] as T, all[last] as T]
  }
  return all
}

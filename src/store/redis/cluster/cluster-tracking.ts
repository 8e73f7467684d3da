import { randomBytes } from 'node:crypto'
import { ignore } from '../../../background.js'
import { BACKGROUND } from '../../deadline.js'
import type { TrackingListener } from '../../tracking.js'
import type { Names } from '../names.js'
import { RedisTracking, type StoreTracking } from '../tracking.js'
import type { ClusterNode } from './cluster-node.js'
import type { Topology } from './topology.js'

/**
 * Tracking of all masters: an epoch lasts as long as that of each of them, and as long as each slot has the same master.
 * That a master answers proves nothing here, since a failover that is asked for closes no connection. So the proof is a
 * read of a name in one of its slots, which a node refuses that is no longer their master.
 */
export class ClusterTracking implements StoreTracking {
  readonly #topology: Topology
  readonly #names: Names
  readonly #timeoutMs: number
  readonly #nodes = new Map<ClusterNode, RedisTracking>()
  #listener: TrackingListener | undefined
  #epochs = 0
  #isClosed = false

  constructor(topology: Topology, names: Names, timeoutMs: number) {
    this.#topology = topology
    this.#names = names
    this.#timeoutMs = timeoutMs
  }

  get epoch(): number | undefined {
    if (this.#nodes.size === 0) return undefined
    for (const { epoch } of this.#nodes.values()) if (epoch === undefined) return undefined
    return this.#epochs
  }

  isUpToDate(): boolean {
    if (this.#nodes.size === 0) return false
    for (const tracking of this.#nodes.values()) if (!tracking.isUpToDate()) return false
    return true
  }

  start(listener: TrackingListener): void {
    this.#listener = listener
    this.mastersChanged()
  }

  close(): void {
    this.#isClosed = true
    for (const tracking of this.#nodes.values()) tracking.close()
    this.#nodes.clear()
  }

  /** Ends the epoch, since a slot has another master, and tracks the masters that there are now. */
  mastersChanged(): void {
    if (!this.#listener || this.#isClosed) return
    this.#end()
    const masters = new Set(this.#topology.masters)
    for (const [node, tracking] of this.#nodes) {
      if (masters.has(node)) continue
      this.#nodes.delete(node)
      tracking.close()
    }
    for (const node of masters) if (!this.#nodes.has(node)) this.#track(node, this.#listener)
  }

  #track(node: ClusterNode, listener: TrackingListener): void {
    const tracking = new RedisTracking(node, this.#names, this.#timeoutMs, () => this.#nameOn(node))
    this.#nodes.set(node, tracking)
    tracking.start({
      entryChanged: (path) => listener.entryChanged(path),
      generationChanged: (path) => listener.generationChanged(path),
      lost: () => this.#end(),
      refused: (error) => listener.refused(error),
    })
    // A master that is not read from is tracked too, or an epoch would cover the others only.
    node.send(['PING'], BACKGROUND).catch(ignore)
  }

  /** A name for the samples and the proofs of one master, in one of its slots. */
  #nameOn(node: ClusterNode): string {
    return this.#topology.nameOn(node, () => this.#names.sampleWithTag(randomBytes(9).toString('base64url')))
  }

  #end(): void {
    this.#epochs++
    this.#listener?.lost()
  }
}

import type { ServerClock } from './clock.js'
import type { Argument, Command } from './command.js'
import { ConnectedServer } from './connected-server.js'
import type { Names } from './names.js'
import type { ScriptReply } from './script-calls.js'
import type { Script } from './scripts/script.js'
import type { SendOptions, Server, ServerRead, Servers, ServersOptions } from './servers.js'
import { RedisTracking, type StoreTracking } from './tracking.js'

/** The only server of a store. */
export class SingleServer extends ConnectedServer implements Servers {
  constructor({ redis, ...options }: ServersOptions) {
    super(redis, options)
  }

  get clientPrefix(): string {
    return this.connection.clientPrefix
  }

  get description(): string {
    return this.connection.description
  }

  run(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<ScriptReply> {
    return this.batching.run(script, keys, args)
  }

  read<T>(names: readonly string[], toResult: (read: ServerRead) => T, tracked?: boolean): Promise<T> {
    return this.batching.read(names, this.#toRead(toResult), tracked)
  }

  readShared<T>(
    id: string,
    names: () => readonly string[],
    toResult: (read: ServerRead) => T,
    tracked?: boolean,
  ): Promise<T> {
    return this.batching.readShared(id, names, this.#toRead(toResult), tracked)
  }

  sendTo(_name: string, commands: readonly Command[], options?: SendOptions): Promise<unknown[]> {
    return this.sendAll(commands, options)
  }

  async masters(): Promise<readonly Server[]> {
    return [this]
  }

  async probeNames(names: Names): Promise<readonly string[]> {
    return [names.probe()]
  }

  openTracking(names: Names, timeoutMs: number): StoreTracking {
    return new RedisTracking(this, names, timeoutMs)
  }

  clockOf(_name: string): ServerClock {
    return this.clock
  }

  /** Calls `listener` when the server says whether it is a node of a Cluster. See `Connection.onKind`. */
  onKind(listener: (isCluster: boolean) => void): void {
    this.connection.onKind(listener)
  }

  flush(): Promise<void> {
    return this.batching.flush()
  }

  #toRead<T>(toResult: (read: ServerRead) => T) {
    return (values: (Buffer | null)[], epoch: number | undefined, isOneMoment: boolean): T =>
      toResult({ values, now: this.clock.at(performance.now()), epoch, isOneMoment })
  }
}

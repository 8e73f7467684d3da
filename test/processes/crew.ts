import { fork } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { afterEach, expect } from 'vitest'
import type { GetOrSetOptions } from '../../src/compute/options.js'
import type { CacheOptions } from '../../src/options.js'
import type { Figures } from '../../src/stats/metrics.js'

const MEMBER = fileURLToPath(new URL('member.mjs', import.meta.url))

/** The plan of a factory: takes time, waits for its release, then fails or returns its value. */
export interface Plan {
  readonly value?: unknown
  readonly ms?: number
  readonly isHeld?: boolean
  readonly failure?: string
}

export interface Crowd {
  readonly keys: readonly string[]
  /** For each key. */
  readonly callers: number
  /** Milliseconds that a factory takes. */
  readonly ms: number
  readonly delayMs: number
}

export interface CrowdReport {
  /** How long each caller waited. */
  readonly waits: number[]
  /** For each key the different values that its callers got. */
  readonly values: string[][]
  /** The keys that were computed here. */
  readonly computed: string[]
  readonly totals: Figures
}

/** The result of one caller; `at` is on a clock that all processes share. */
export interface Outcome {
  readonly value?: unknown
  readonly error?: string
  readonly at: number
}

/** The commands of a process, and their results. */
interface Tasks {
  check(): void
  /** When closing began. */
  close(): number
  stats(): Figures
  get(about: { path: string | readonly string[] }): unknown
  invalidate(about: { how: string; path: readonly string[]; value: unknown }): unknown
  obtain(about: { way: string; id: string; value: unknown }): unknown
  /** `errors`: how many different ones its callers got. */
  ask(about: { key: string; plan: Plan; callers?: number; options?: GetOrSetOptions }): {
    outcomes: Outcome[]
    errors: number
  }
  /** When the factory ended. */
  letGo(about: { key: string }): number
  stampede(crowd: Crowd): CrowdReport
  /** Its process id. */
  traffic(about: { name: string; count: number }): number
}

/** A process with a cache of its own. */
export interface Member {
  run<Task extends keyof Tasks>(
    task: Task,
    ...about: Parameters<Tasks[Task]>
  ): Promise<ReturnType<Tasks[Task]>>
  /** Resolves when its factory of a key has begun, at a moment of the common clock. */
  computing(key: string): Promise<number>
  /** Resolves when its factory of a key was aborted. */
  aborted(key: string): Promise<number>
  /** Resolves when it has logged a warning with this text, which then is none to complain about. */
  warned(text: string): Promise<void>
  /** SIGSTOP: it is there, and does nothing. */
  pause(): void
  /** SIGCONT: it continues, with the commands sent meanwhile. */
  resume(): void
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>
}

const members = new Set<{ readonly member: Member; stderr(): string }>()

/** Ends all processes of a test; none may have had anything to complain about. */
export function killMembersAfterEach(): void {
  afterEach(killMembers)
}

export async function killMembers(): Promise<void> {
  const complaints = [...members].map(({ stderr }) => stderr())
  await Promise.all([...members].map(({ member }) => member.kill()))
  members.clear()
  expect(complaints.filter((text) => text !== '')).toEqual([])
}

/** Starts processes, whose options must survive JSON, and waits until each is connected. */
export async function startMembers(count: number, options: CacheOptions): Promise<Member[]> {
  const started = Array.from({ length: count }, () => startMember(JSON.stringify(options)))
  await Promise.all(started.map((member) => member.run('check')))
  return started
}

function startMember(options: string): Member {
  const child = fork(MEMBER, [options], { stdio: ['ignore', 'inherit', 'pipe', 'ipc'] })
  let stderr = ''
  child.stderr?.on('data', (text: Buffer) => {
    stderr += text.toString()
  })
  const gone = once(child, 'exit')
  const events = new EventEmitter().setMaxListeners(0)
  const happened = new Map<string, number>()
  const pending = new Map<number, { resolve(answer: unknown): void; reject(error: Error): void }>()
  let sent = 0
  child.on('message', (message: Message) => {
    if ('event' in message) {
      happened.set(message.event, message.at)
      events.emit(message.event)
      return
    }
    const { id, answer, error } = message
    if (error === undefined) pending.get(id)?.resolve(answer)
    else pending.get(id)?.reject(new Error(error))
    pending.delete(id)
  })
  child.once('exit', (code, signal) => {
    for (const { reject } of pending.values()) {
      reject(new Error(`the process ended (${signal ?? code}): ${stderr}`))
    }
  })
  const until = async (event: string) => {
    if (!happened.has(event)) await once(events, event)
    return happened.get(event) as number
  }
  const member: Member = {
    run(task, params?: unknown) {
      const answer = new Promise<never>((resolve, reject) => {
        const id = sent++
        pending.set(id, { resolve: resolve as (answer: unknown) => void, reject })
        child.send({ id, task, params }, (error) => error && reject(error))
      })
      // Commands for which a failed test no longer waits end with the process.
      answer.catch(() => {})
      return answer
    },
    computing: (key) => until(`computing ${key}`),
    aborted: (key) => until(`aborted ${key}`),
    async warned(text) {
      const line = () => stderr.split('\n').find((one) => one.includes(text))
      while (line() === undefined) await once(child.stderr as Readable, 'data')
      stderr = stderr.replace(`${line()}\n`, '')
    },
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGKILL')
      await gone
    },
  }
  members.add({ member, stderr: () => stderr })
  return member
}

type Message =
  | { readonly event: string; readonly at: number }
  | { readonly id: number; readonly answer?: unknown; readonly error?: string }

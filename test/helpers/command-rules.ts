import { createHash } from 'node:crypto'
import { commandOf, ValueSplitter, wordsOf } from './resp.js'

export interface AnswerOptions {
  /** Names of the commands that are answered: `GET`, or of several words `CLIENT TRACKING`. @default all */
  readonly only?: readonly string[]
  /** Whether the connection is closed after the answer. @default false */
  readonly closing?: boolean
}

/** The two ends of a connection through the proxy. */
export interface Ends {
  toServer(bytes: Buffer): void
  toClient(bytes: Buffer): void
  close(): void
}

/** A command that was received, and the reply to it once it is there. */
interface Slot {
  reply: Buffer | undefined
  readonly closing: boolean
  readonly isTime: boolean
}

interface Answer {
  readonly error: string
  readonly names: readonly string[] | undefined
  readonly closing: boolean
}

const UNSHIFTED_TIME = "redis.call('TIME')"

/** What happens to single commands on the connections of a proxy. */
export class CommandRules {
  /** Sources by SHA-1, as clients have loaded them. */
  readonly #scripts = new Map<string, string>()
  #answer: Answer | undefined
  #shiftS = 0

  /** Answers commands with an error, and does not pass them on. */
  answer(error: string, { only, closing = false }: AnswerOptions = {}): void {
    this.#answer = { error, names: only?.map((name) => name.toUpperCase()), closing }
  }

  /** Moves the server's clock, as `TIME` and the scripts read it. Its own expiry keeps the real time. */
  shiftClock(seconds: number): void {
    this.#shiftS = seconds
  }

  clear(): void {
    this.#answer = undefined
    this.#shiftS = 0
  }

  connect(ends: Ends): CommandConnection {
    return new CommandConnection(ends, this)
  }

  /** The answer to a command that is not passed on. */
  answerTo(words: readonly Buffer[]): Answer | undefined {
    const answer = this.#answer
    if (answer?.names === undefined) return answer
    const [first = '', second = ''] = words.slice(0, 2).map((word) => word.toString('latin1').toUpperCase())
    return answer.names.some((name) => name === first || name === `${first} ${second}`) ? answer : undefined
  }

  /** The command that is passed on in the place of this one. */
  passedOn(command: Buffer, words: readonly Buffer[]): Buffer {
    const [name = '', second = ''] = words.map((word) => word.toString('latin1'))
    if (isNamed(name, 'SCRIPT') && isNamed(second, 'LOAD')) {
      const source = String(words[2])
      this.#scripts.set(createHash('sha1').update(source).digest('hex'), source)
    }
    if (this.#shiftS === 0 || !isNamed(name, 'EVALSHA')) return command
    const source = this.#scripts.get(second)
    if (source === undefined) throw new Error(`No connection of this proxy has loaded the script ${second}.`)
    if (!source.includes(UNSHIFTED_TIME))
      throw new Error(`A script does not read the time as ${UNSHIFTED_TIME}.`)
    const shifted = `(function() local t = ${UNSHIFTED_TIME} return {tostring(t[1] + ${this.#shiftS}), t[2]} end)()`
    return commandOf(['EVAL', source.replaceAll(UNSHIFTED_TIME, shifted), ...words.slice(2)])
  }

  /** The reply to `TIME` on the clock that clients see. */
  timeOf(reply: Buffer): Buffer {
    if (this.#shiftS === 0 || reply[0] !== 0x2a) return reply
    const [seconds, microseconds = ''] = wordsOf(reply)
    return commandOf([String(Number(seconds) + this.#shiftS), microseconds])
  }
}

/** A connection whose commands are read. Replies keep the order of the commands, also where some come from the proxy. */
export class CommandConnection {
  readonly #ends: Ends
  readonly #rules: CommandRules
  readonly #commands = new ValueSplitter()
  readonly #replies = new ValueSplitter()
  readonly #slots: Slot[] = []
  /** After a subscription messages arrive between replies, so replies are no longer counted. */
  #isSubscribed = false

  constructor(ends: Ends, rules: CommandRules) {
    this.#ends = ends
    this.#rules = rules
  }

  fromClient(chunk: Buffer): void {
    for (const command of this.#commands.push(chunk)) this.#take(command)
  }

  fromServer(chunk: Buffer): void {
    for (const value of this.#replies.push(chunk)) {
      const slot = this.#slots.find(({ reply }) => reply === undefined)
      if (slot === undefined || value.toString('latin1', 0, 1) === '>') {
        this.#ends.toClient(value)
        continue
      }
      slot.reply = slot.isTime ? this.#rules.timeOf(value) : value
      this.#sendReplies()
    }
  }

  #take(command: Buffer): void {
    const words = wordsOf(command)
    const name = String(words[0])
    const answer = this.#rules.answerTo(words)
    if (answer === undefined) {
      if (isNamed(name, 'SUBSCRIBE')) this.#isSubscribed = true
      if (!this.#isSubscribed)
        this.#slots.push({ reply: undefined, closing: false, isTime: isNamed(name, 'TIME') })
      this.#ends.toServer(this.#rules.passedOn(command, words))
      return
    }
    this.#slots.push({ reply: Buffer.from(`-${answer.error}\r\n`), closing: answer.closing, isTime: false })
    this.#sendReplies()
  }

  #sendReplies(): void {
    for (let slot = this.#slots[0]; slot?.reply !== undefined; slot = this.#slots[0]) {
      this.#slots.shift()
      this.#ends.toClient(slot.reply)
      if (slot.closing) {
        this.#ends.close()
        return
      }
    }
  }
}

function isNamed(name: string, expected: string): boolean {
  return name.toUpperCase() === expected
}

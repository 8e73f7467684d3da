import { describe, expect, test } from 'vitest'
import type { Command } from '../../src/store/redis/command.js'
import { SilenceDetection } from '../../src/store/redis/silence-detection.js'

const send = (silence: SilenceDetection, commands: readonly Command[]) => {
  const unanswered = silence.prepare(commands)
  silence.sent(unanswered)
  return unanswered
}

describe('A connection takes no more commands', () => {
  const REFUSED = /commands \(\d+ bytes\) are unanswered/

  test('while 2,000 have no reply after their deadlines, and takes them again when one has', () => {
    const silence = new SilenceDetection(() => {})
    const all = Array.from({ length: 2_000 }, () => send(silence, [['PING']]))
    for (const one of all) {
      silence.prepare([['PING']])
      silence.abandon(one)
    }
    expect(() => silence.prepare([['PING']])).toThrow(REFUSED)
    silence.answered(all[0]!)
    silence.prepare([['PING']])
    silence.close()
  })

  test('while 32 MiB have no reply after their deadlines', () => {
    const silence = new SilenceDetection(() => {})
    const large: Command = ['SET', 'a', Buffer.alloc(17 * 1024 * 1024)]
    for (let time = 0; time < 2; time++) silence.abandon(send(silence, [large]))
    expect(() => silence.prepare([['PING']])).toThrow(REFUSED)
    silence.close()
  })
})

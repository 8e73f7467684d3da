import type { Argument, Command } from './command.js'
import { asNotResponding } from './not-responding.js'
import { TRACK_NEXT } from './tracking.js'

interface ReadsBySlot {
  readonly commands: readonly Command[]
  /** The slot of each name: names of one slot are read by one command. */
  readonly slots: readonly number[]
  /** Takes the value of each name, or the error with which its command was refused, from the replies. */
  toValues(replies: readonly unknown[]): (Buffer | null | Error)[]
}

/** Commands that read names on a node of a Cluster: one for each slot. With `tracked` each has another before it. */
export function readsBySlot(
  names: readonly string[],
  slotOf: (name: string) => number,
  tracked: boolean,
): ReadsBySlot {
  const slots = names.map(slotOf)
  const bySlot = new Map<number, Argument[]>()
  for (const [index, slot] of slots.entries()) {
    const name = names[index] as string
    const own = bySlot.get(slot)
    if (own) own.push(name)
    else bySlot.set(slot, [name])
  }
  return {
    commands: [...bySlot.values()].flatMap((own): Command[] => {
      return tracked ? [TRACK_NEXT, ['MGET', ...own]] : [['MGET', ...own]]
    }),
    slots,
    toValues(replies) {
      const reads = tracked ? replies.filter((_, index) => index % 2 === 1) : replies
      const values = new Map([...bySlot.keys()].map((slot, place) => [slot, valuesOf(reads[place])]))
      return slots.map((slot) => {
        const of = values.get(slot)
        return of instanceof Error ? of : (of?.next().value ?? null)
      })
    },
  }
}

function valuesOf(reply: unknown): Error | Iterator<Buffer | null> {
  return Array.isArray(reply) ? reply.values() : asNotResponding(reply)
}

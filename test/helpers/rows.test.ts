import { describe, expect, test } from 'vitest'
import { named, runRows } from './rows.js'

const failing = async (rows: readonly (readonly [string, number])[], options = {}) => {
  const error = await runRows(rows, (value) => expect(value).toBe(1), options).catch((error) => error)
  return error as Error
}

describe('A table of rows', () => {
  test('passes when each row passes', async () => {
    const seen: unknown[] = []
    await runRows(named([1, 2]), (value, name) => seen.push([value, name]))
    expect(seen).toEqual([
      [1, '1'],
      [2, '2'],
    ])
  })

  test('names each row that fails, with its error and its place', async () => {
    const error = await failing([
      ['one', 1],
      ['two', 2],
      ['three', 3],
    ])
    expect(error.message).toMatch(/^2 of 3 rows failed:/)
    expect(error.message).toMatch(/✗ two\n\s+expected 2 to be 1.*\n\s+at .*rows\.test\.ts:/)
    expect(error.message).toMatch(/✗ three\n\s+expected 3 to be 1/)
    expect(error.message).not.toContain('✗ one')
    expect(error.cause).toMatchObject({ message: expect.stringContaining('expected 2 to be 1') })
  })

  test('fails when it has no rows', async () => {
    expect((await failing([])).message).toBe('The table has no rows.')
  })

  test('sets up and tears down around each row, also around one that fails', async () => {
    const log: string[] = []
    await failing(
      [
        ['two', 2],
        ['one', 1],
      ],
      { before: () => log.push('before'), after: () => log.push('after') },
    )
    expect(log).toEqual(['before', 'after', 'before', 'after'])
  })

  test('names a row that never ends, and leaves out the rows after it', async () => {
    const ran: string[] = []
    const check = async (value: number, name: string) => {
      ran.push(name)
      if (value === 2) await new Promise(() => {})
    }
    const rows = named([1, 2, 3])
    await expect(runRows(rows, check, { rowTimeout: 20 })).rejects.toThrow(
      /^1 of 3 rows failed, 1 did not run:\n\s+✗ 2\n\s+The row took longer than 20 ms\./,
    )
    expect(ran).toEqual(['1', '2'])
  })
  test('runs its rows at the same time on request', async () => {
    const log: string[] = []
    const check = async (value: number) => {
      log.push(`begin ${value}`)
      await new Promise(setImmediate)
      log.push(`end ${value}`)
      expect(value).toBe(1)
    }
    await expect(runRows(named([1, 2]), check, { atOnce: true })).rejects.toThrow(/^1 of 2 rows failed:/)
    expect(log).toEqual(['begin 1', 'begin 2', 'end 1', 'end 2'])
  })
})

import { describeValue } from './describe-value.js'
import { isPrimaryKey } from './identity.js'
import { emitKeyWarning } from './key-warning.js'

const MAX_NAMES = 3

let isWarned = false

/** Whether a name is that of a primary key. */
export function isPrimaryKeyName(name: string): boolean {
  return name === 'id' || name === '_id' || name === 'pk'
}

/**
 * Warns, once in a process, that a part of a key looks like a database row: all its columns are then in the key, so a
 * caller that has only the id cannot delete it. The message shows names and never values.
 */
export function warnAboutRow(pairs: object, names: readonly string[], key: string): void {
  if (isWarned || names.length < 2 || !isPrimaryKey(pairs[key as keyof typeof pairs])) return
  const others = names.filter((name) => name !== key && pairs[name as keyof typeof pairs] !== undefined)
  if (others.length === 0) return
  isWarned = true
  const shown = others.slice(0, MAX_NAMES).map((name) => describeValue(name))
  if (others.length > MAX_NAMES) shown.push('…')
  emitKeyWarning(
    'KEYEDCACHE_ROW_IN_KEY',
    `A plain object with "${key}" and ${shown.join(', ')} is part of a key. Each of its pairs is in the key, so a key with its ${key} alone is another one. For a row, write row.${key}: ['product', row.${key}]. If the pairs are meant, ignore this.`,
  )
}

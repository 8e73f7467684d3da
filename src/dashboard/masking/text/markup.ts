import { NAME_FIELD, VALUE_FIELD } from '../name-value-fields.js'
import { MASKED } from '../secret-names.js'
import type { Cursor } from './cursor.js'
import { shortValue } from './names.js'
import type { Steps } from './scan.js'

const TAG = /<([A-Za-z_][\w:.-]{0,100})(?:\s[^<>]{0,2000})?>/y
const ATTRIBUTE = /\s([\w:-]{1,40})=(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))/g

/** Quotation marks as HTML writes them, the single ones in groups. */
const ENTITIES = /&(?:quot|#0{0,4}34|#x0{0,4}22|(apos)|(#0{0,4}39)|(#x0{0,4}27));/gi
const ENTITY = new RegExp(ENTITIES.source, 'iy')

/** Masks the content of an XML or HTML element that has the name of a secret: `<password>x</password>`. */
export function passTag(cursor: Cursor, at: number): void {
  const { text, scan } = cursor
  TAG.lastIndex = at
  const [tag, name] = TAG.exec(text) ?? []
  if (tag === undefined || name === undefined) return
  maskValueAttributes(cursor, tag, at)
  const start = at + tag.length
  const isSecret = scan.secrets.has(name) || cursor.expectsElement
  const isNameField = NAME_FIELD.test(name)
  cursor.expectsElement = isNameField && scan.secrets.has(shortValue(text, start))
  if (!isSecret || isNameField || tag.endsWith('/>')) return
  const close = text.indexOf(`</${name}`, start)
  const line = close === -1 ? text.indexOf('\n', start) : close
  const end = line === -1 ? text.length : line
  if (end > start) cursor.mask(start, end)
}

/** Masks values in a tag that names a secret, in any order: `<input value="x" name="password">`. */
function maskValueAttributes({ scan }: Cursor, tag: string, at: number): void {
  const names = [...tag.matchAll(ATTRIBUTE)].filter(([, name = '']) => NAME_FIELD.test(name))
  if (!names.some(([, , one, other, bare]) => scan.secrets.has(one ?? other ?? bare ?? ''))) return
  for (const { 0: attribute, 1: name = '', index } of tag.matchAll(ATTRIBUTE)) {
    const end = at + index + attribute.length
    if (VALUE_FIELD.test(name))
      scan.edits.push({ start: end - attribute.length + attribute.indexOf('=') + 1, end, by: MASKED })
  }
}

/** Whether a quotation mark begins at a `&`, written as an entity. */
export function isQuoteEntity(text: string, at: number): boolean {
  ENTITY.lastIndex = at
  return ENTITY.test(text)
}

/** Masks a part whose quotation marks are entities, up to the next literal one, as HTML reads it. */
export function* passEntities(cursor: Cursor, at: number): Steps<void> {
  const { text, scan } = cursor
  const start = Math.max(cursor.floor, text.lastIndexOf('"', at) + 1)
  const next = text.indexOf('"', at)
  const end = next === -1 ? text.length : next
  const decoded = text
    .slice(start, end)
    .replace(ENTITIES, (_, ...codes) => (codes.slice(0, 3).some(Boolean) ? "'" : '"'))
  const masked = yield* scan.inner(decoded)
  cursor.floor = cursor.at = end
  if (masked !== decoded) scan.edits.push({ start, end, by: masked })
}

import { describeValue } from './describe-value.js'
import { emitKeyWarning } from './key-warning.js'
import { isPlainObject } from './object-checks.js'

/** Maximum number of labels that are checked for a second class. */
const MAX_WATCHED = 10_000

/** Labels by prototype. */
const labels = new WeakMap<object, string>()
/** The prototype of each label, or `several` if more than one has it. */
const owners = new Map<string, WeakRef<object> | 'several'>()

/**
 * The label of an object's class in a digest: its name and the names of the classes that it extends. `''` for a plain
 * object, `undefined` for a class without a name. Every process must compute the same label, so two classes of one name
 * share it; the first such pair of each name causes a warning.
 */
export function classLabel(value: object): string | undefined {
  if (isPlainObject(value)) return ''
  const prototype: object = Object.getPrototypeOf(value)
  const known = labels.get(prototype)
  if (known !== undefined) return known
  const label = labelOf(prototype)
  if (label === undefined) return undefined
  labels.set(prototype, label)
  if (!isNative(prototype.constructor)) watch(label, prototype)
  return label
}

function labelOf(prototype: object): string | undefined {
  const name = nameOf(prototype.constructor)
  if (name === '') return undefined
  const names = [name]
  for (let next = Object.getPrototypeOf(prototype); !isRoot(next); next = Object.getPrototypeOf(next))
    names.push(nameOf(next.constructor))
  // Both Luxon and Temporal have a Duration.
  const tag: unknown = Object.getOwnPropertyDescriptor(prototype, Symbol.toStringTag)?.value
  if (typeof tag === 'string' && tag !== name) names.push(`(${tag})`)
  return names.join(' ')
}

function isRoot(prototype: object | null): boolean {
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

function nameOf(type: unknown): string {
  if (typeof type !== 'function') return ''
  // Mongoose names every model class "model". Its `modelName` is the real name.
  for (const property of ['cacheName', 'modelName', 'name'] as const) {
    const name: unknown = Object.hasOwn(type, property) && type[property as 'name']
    if (typeof name === 'string' && name !== '') return name
  }
  return ''
}

function watch(label: string, prototype: object): void {
  const owner = owners.get(label)
  if (owner === 'several') return
  if (owner?.deref() === undefined) {
    if (owners.size < MAX_WATCHED) owners.set(label, new WeakRef(prototype))
    return
  }
  owners.set(label, 'several')
  const name = nameOf(prototype.constructor)
  emitKeyWarning(
    'KEYEDCACHE_CLASS_NAME',
    `Two classes are called ${describeValue(name)}. In digests they are one class: their objects with the same content share a key. If they are two, give one of them another name, or a static cacheName.`,
  )
}

/** Whether it is a built-in class, of this realm or another: their Map, Error and so on are the same class. */
function isNative(type: unknown): boolean {
  return typeof type === 'function' && Function.prototype.toString.call(type).includes('[native code]')
}

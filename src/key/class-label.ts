import { describeValue } from './describe-value.js'
import { emitKeyWarning } from './key-warning.js'
import { isPlainObject } from './object-checks.js'

/** Maximum number of labels that are watched for a second class. */
const MAX_WATCHED = 10_000

/** By prototype: what its class is called. */
const labels = new WeakMap<object, string>()
/** By label: the prototype that has it, or that there are several. */
const owners = new Map<string, WeakRef<object> | 'several'>()

/**
 * What the object's class is called in a digest: its name and those of the classes that it extends. `''` for a plain object,
 * `undefined` for a class without a name. Every process must find the same, so two classes that are called alike are one
 * class there: of each name the first such pair is warned of.
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
  // Luxon has a Duration and Temporal has one.
  const tag: unknown = Object.getOwnPropertyDescriptor(prototype, Symbol.toStringTag)?.value
  if (typeof tag === 'string' && tag !== name) names.push(`(${tag})`)
  return names.join(' ')
}

function isRoot(prototype: object | null): boolean {
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

function nameOf(type: unknown): string {
  if (typeof type !== 'function') return ''
  // Mongoose calls each of its models "model", and says in `modelName` which it is.
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

/** Other realms have classes of their own for Map, Error and the like: these are the same. */
function isNative(type: unknown): boolean {
  return typeof type === 'function' && Function.prototype.toString.call(type).includes('[native code]')
}

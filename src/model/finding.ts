import type { Factory } from '../compute/factory.js'
import { ConfigurationError } from '../errors.js'
import type { KeyPart } from '../key/cache-key.js'
import { describeValue } from '../key/describe-value.js'
import type { CachedInstance, Loader } from './cached-class.js'
import type { Model } from './model.js'
import type { FindOptions } from './options.js'

/** Returns the object with a primary key, from the cache or from the loader; `null` or `undefined` if there is none. */
export async function find<T extends CachedInstance, Id extends KeyPart>(
  model: Model<T>,
  id: Id,
  loader: Loader<T, Id>,
  { validate, ...options }: FindOptions<T>,
): Promise<T | null | undefined> {
  if (typeof loader !== 'function')
    throw new ConfigurationError(
      `findCached(id, loader) needs a function that loads the object, not ${describeValue(loader)}.`,
    )
  // `validate` and the caller get the same object: `fromCache` runs once.
  let last: { readonly data: unknown; readonly object: T | null | undefined } | undefined
  const revive = (data: unknown) => {
    if (!last || last.data !== data) last = { data, object: model.revive(data) }
    return last.object
  }
  const data = await model.cache.getOrSet(model.keyOf(id), loading(model, id, loader), {
    ...options,
    // `fromCache` may fail for data of an older version of the class: then the object is loaded again.
    validate(data) {
      const object = revive(data)
      if (!object || !validate) return true
      const isValid: unknown = validate(object)
      if (typeof isValid !== 'boolean') warnNotBoolean(model, isValid)
      return isValid as boolean
    },
  })
  return revive(data)
}

/** Only `true` accepts an object: an async `validate` would make every call load it again. */
function warnNotBoolean<T extends object>(model: Model<T>, returned: unknown): void {
  model.warnOnce(
    `validate of ${model.name}.findCached() must return true or false, not ${describeValue(returned)}: until it does, every call loads the object again.`,
  )
}

/** Makes a factory that returns the data of the loaded object. */
function loading<T extends CachedInstance, Id extends KeyPart>(
  model: Model<T>,
  id: Id,
  loader: Loader<T, Id>,
): Factory<unknown> {
  return async (context) => {
    const previous = model.revive(context.previous) as T
    let isUnchanged = false
    const notModified = () => {
      context.notModified()
      isUnchanged = true
      return previous
    }
    const found = await loader(id, { ...context, previous, notModified })
    if (isUnchanged && found === previous) return context.previous
    if (found === undefined || found === null) return found
    const asked = context.key.text
    if (!model.has(found)) {
      throw new ConfigurationError(
        `The loader of "${asked}" must return a ${model.name}, or undefined if there is none, not ${describeValue(found)}.`,
        { key: asked },
      )
    }
    const data = model.dataOf(found)
    const own = found.cacheKey().text
    if (own === asked) return data
    // Under this key the object's own `cacheDelete()` would not reach it.
    model.warnOnce(
      `the loader of "${asked}" returned "${own}", which was not cached: call findCached() with the primary key.`,
    )
    return context.skip(data)
  }
}

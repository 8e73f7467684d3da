import type { Factory } from '../compute/factory.js'
import { ConfigurationError } from '../errors.js'
import type { KeyPart } from '../key/cache-key.js'
import { describeValue } from '../key/describe-value.js'
import type { CachedInstance, Loader } from './cached-class.js'
import type { Model } from './model.js'
import type { FindOptions } from './options.js'

/** The object with this primary key, or that there is none: as it is cached, or loaded once and stored. */
export async function find<T extends CachedInstance, Id extends KeyPart>(
  model: Model<T>,
  id: Id,
  loader: Loader<T, Id>,
  { validate, ...options }: FindOptions<T>,
): Promise<T | null | undefined> {
  if (typeof loader !== 'function')
    throw new ConfigurationError(
      `findCached() takes a function that loads the object after its id, not ${describeValue(loader)}.`,
    )
  // What `validate` has looked at is what will be returned: it is not revived twice.
  let last: { readonly data: unknown; readonly object: T | null | undefined } | undefined
  const revive = (data: unknown) => {
    if (!last || last.data !== data) last = { data, object: model.revive(data) }
    return last.object
  }
  const data = await model.cache.getOrSet(model.keyOf(id), loading(model, id, loader), {
    ...options,
    // What can't be revived any more, since the class has changed, will not do.
    validate(data) {
      const object = revive(data)
      return !object || !validate || validate(object)
    },
  })
  return revive(data)
}

/** A factory that gives the data of what the loader loads. */
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
        `The loader of "${asked}" must return a ${model.name}, or undefined where there is none, not ${describeValue(found)}.`,
        { key: asked },
      )
    }
    const data = model.dataOf(found)
    const own = found.cacheKey().text
    if (own === asked) return data
    // Found by another id, or by another way of writing it: its own `cacheDelete()` would not reach it there.
    model.warnOnce(
      `"${asked}" was asked for, and "${own}" is what its loader found. It is not cached: find objects by their primary key.`,
    )
    return context.skip(data)
  }
}

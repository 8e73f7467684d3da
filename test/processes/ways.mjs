// Operations of a process on a cache, for child processes and for the process of the tests.

const plain = (id) => ['products', 'tools', id]

/** The key of a value, by the way to it. */
export function pathOf(way, id) {
  return way === 'a cached function' ? ['func', 'product', id] : plain(id)
}

/** The ways to a value that is computed where it is not cached; `read` computes it. */
export function waysOf(cache) {
  const product = cache.cached((_id, read) => read(), { name: 'product', keyOf: (id) => [id] })
  return {
    getOrSet: (id, read) => cache.getOrSet(plain(id), read),
    'a cached function': (id, read) => product(id, read),
    'get → miss → set': (id, read) =>
      cache.withRequestMemory(async () => {
        const found = await cache.get(plain(id))
        if (found !== undefined) return found
        const value = await read()
        await cache.set(plain(id), value)
        return value
      }),
  }
}

/** All operations after which earlier reads are outdated; a `set` stores `value`. */
export const invalidations = {
  'a delete': (cache, path) => cache.delete(path),
  'a delete of its own children': (cache, path) => cache.delete(path, { children: true }),
  'a delete of an ancestor with children': (cache, path) =>
    cache.delete(path.slice(0, 1), { children: true }),
  'an expire': (cache, path) => cache.expire(path),
  'an expire of its own children': (cache, path) => cache.expire(path, { children: true }),
  'an expire of an ancestor with children': (cache, path) =>
    cache.expire(path.slice(0, 1), { children: true }),
  'a clear': (cache) => cache.clear(),
  'a set': (cache, path, value) => cache.set(path, value),
  "a set in another's request": (cache, path, value) => cache.withRequestMemory(() => cache.set(path, value)),
  "a get and a set in another's request": (cache, path, value) =>
    cache.withRequestMemory(async () => {
      await cache.get(path)
      return await cache.set(path, value)
    }),
}

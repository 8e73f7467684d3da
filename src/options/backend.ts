import { ConfigurationError } from '../errors.js'
import { OptionsReader } from '../options-reader.js'
import { checkTarget, type RedisTarget } from '../store/redis/target.js'
import { type Environment, shown } from './environment.js'
import type { StoreOption } from './store.js'

/** One of several named backends: a Redis (a text is its URL), or another store. */
export type BackendOption =
  | string
  | { readonly redis: RedisTarget | undefined }
  | { readonly store: StoreOption | undefined }

/** The options that say where entries are stored. */
export interface BackendOptions {
  readonly redis?: RedisTarget | undefined
  readonly store?: StoreOption | undefined
  readonly backends?: Readonly<Record<string, BackendOption | undefined>> | undefined
  readonly alias?: string | undefined
}

/** Name of a backend, and its place in errors where a variable has it. */
interface Alias {
  readonly alias: string
  readonly from: string
}

/** The backend of a cache. `store: undefined` is the default that no option and no variable has chosen. */
export type Backend = { readonly redis: RedisTarget } | { readonly store: StoreOption | undefined }

/**
 * Chooses the alias, by the options or `KEYEDCACHE_ALIAS`, and its backend, by the options or `REDIS_URL`. An empty
 * variable counts as not set.
 * @throws ConfigurationError
 */
export function chooseBackend(
  options: BackendOptions,
  env: Environment,
): { readonly alias: string; readonly backend: Backend } {
  const named = aliasOf(options, env)
  return { alias: named.alias, backend: backendOf(options, named, env) }
}

function aliasOf({ alias }: BackendOptions, { KEYEDCACHE_ALIAS }: Environment): Alias {
  if (alias === undefined && KEYEDCACHE_ALIAS) return { alias: KEYEDCACHE_ALIAS, from: 'KEYEDCACHE_ALIAS: ' }
  return { alias: alias ?? 'default', from: '' }
}

function backendOf(options: BackendOptions, named: Alias, env: Environment): Backend {
  const { alias, from } = named
  const { redis, store, backends } = options
  const given = (['redis', 'store', 'backends'] as const).filter((name) => options[name] !== undefined)
  if (given.length > 1) {
    throw new ConfigurationError(`Give one of ${given.join(' and ')}: both say where entries are stored.`)
  }
  if (backends !== undefined) return namedBackend(backends, named)
  if (alias !== 'default') {
    throw new ConfigurationError(
      `${from}There is no backend "${shown(alias)}": only the default one is configured. Name it in \`backends\`.`,
    )
  }
  if (redis !== undefined) return { redis: checkTarget(redis) }
  const url = env.REDIS_URL
  return store === undefined && url ? { redis: checkTarget(url, 'REDIS_URL') } : { store }
}

/** Checks all backends, and returns the one with this alias. */
function namedBackend(backends: NonNullable<BackendOptions['backends']>, { alias, from }: Alias): Backend {
  if (typeof backends !== 'object' || Array.isArray(backends)) {
    throw new ConfigurationError(
      "backends must be an object of names: { default: 'redis://…', catalog: { store: 'memory' } }.",
    )
  }
  const known = new Map<string, Backend>()
  for (const [name, backend] of Object.entries(backends)) {
    if (backend !== undefined) known.set(name, checkBackend(backend, name))
  }
  const chosen = known.get(alias)
  if (chosen !== undefined) return chosen
  const names = [...known.keys()].map((name) => `"${name}"`)
  const unset = Object.hasOwn(backends, alias) ? ' Its value is undefined.' : ''
  throw new ConfigurationError(
    `${from}There is no backend "${shown(alias)}". Known are ${names.join(', ') || 'none'}.${unset}`,
  )
}

function checkBackend(backend: BackendOption, name: string): Backend {
  if (typeof backend === 'string') return { redis: checkTarget(backend, `backend "${name}"`) }
  const { redis, store } = new OptionsReader<Pick<BackendOptions, 'redis' | 'store'>>(
    'option',
    { redis: true, store: true },
    `backend "${name}"`,
  ).take(backend)
  if ((redis === undefined) === (store === undefined)) {
    throw new ConfigurationError(
      `The backend "${name}" must have either redis or store: it has ${redis === undefined ? 'neither' : 'both'}.`,
    )
  }
  return redis === undefined ? { store } : { redis: checkTarget(redis, `redis of backend "${name}"`) }
}

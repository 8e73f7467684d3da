import type { Proxy as FaultyProxy } from '../helpers/proxy.js'
import { type Fault, onProxies, REFUSED, restored, SERVED, UNANSWERED } from './fault.js'
import { forgetName, HOST_NAME, resolveName } from './host-name.js'
import { urlOf } from './target.js'

/** Faults between the cache and Redis. */
export const NETWORK_FAULTS: readonly Fault[] = [
  {
    ...REFUSED,
    name: 'refused',
    meaning: 'nothing listens at the address',
    message: 'ECONNREFUSED',
    begin: onProxies((proxy) => proxy.refuse()),
    end: restored,
  },
  {
    ...REFUSED,
    name: 'name not resolved',
    meaning: 'the host name is unknown to DNS',
    message: 'ENOTFOUND',
    redis: ({ proxies: [proxy] }) => urlOf(HOST_NAME, (proxy as FaultyProxy).port),
    async begin({ proxies }) {
      forgetName()
      for (const proxy of proxies) proxy.cut()
    },
    end: async () => resolveName(),
  },
  {
    ...UNANSWERED,
    name: 'frozen',
    meaning: 'the server is stopped, its connections stay open',
    begin: async ({ servers }) => servers.forEach((server) => void server.freeze()),
    end: async ({ servers }) => servers.forEach((server) => void server.thaw()),
  },
  {
    ...UNANSWERED,
    name: 'silent',
    meaning: 'connections are accepted, and nothing passes',
    begin: onProxies((proxy) => proxy.hold()),
    end: restored,
  },
  {
    ...UNANSWERED,
    name: 'silent under load',
    meaning: 'nothing passes, and each cache has two hundred operations under way',
    load: 100,
    begin: onProxies((proxy) => proxy.hold()),
    end: restored,
  },
  {
    ...UNANSWERED,
    name: 'dropped',
    meaning: 'old connections have become silent without an end, new ones work',
    begin: onProxies((proxy) => proxy.silence()),
    end: restored,
    // A connection is given up after five seconds of silence.
    backWithinMs: 7_000,
  },
  {
    ...UNANSWERED,
    name: 'two seconds late',
    meaning: 'every answer comes after its deadline',
    begin: onProxies((proxy) => proxy.delayAnswers(2_000)),
    end: restored,
  },
  {
    ...SERVED,
    name: 'slow',
    meaning: 'every answer is late, and arrives within its deadline',
    begin: onProxies((proxy) => proxy.delayAnswers(50)),
    end: restored,
  },
  {
    ...SERVED,
    name: 'trickling',
    meaning: 'answers arrive a few bytes at a time',
    begin: onProxies((proxy) => proxy.slow({ bytes: 100, everyMs: 1 })),
    end: restored,
  },
  {
    ...REFUSED,
    name: 'cut in mid-reply',
    meaning: 'each connection is lost in the middle of its first reply',
    begin: onProxies((proxy) => proxy.cutReplies()),
    end: restored,
  },
  {
    ...REFUSED,
    name: 'garbage',
    meaning: 'replies are bytes that are no reply',
    begin: onProxies((proxy) => proxy.garble()),
    end: restored,
  },
]

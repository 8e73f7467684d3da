import { OBSERVE, RECLAIM, WRITE } from './entries.js'
import { CLEAR, EXPIRE, REMOVE } from './invalidations.js'
import { ACQUIRE, COMMIT, RELEASE, RENEW } from './leases.js'
import { PROBE } from './probe.js'
import { SECRET } from './secret.js'
import { NEWEST, REPORT } from './statistics.js'
import { RECALL, REMEMBER } from './traces.js'

/** All scripts, which are loaded on each new connection. */
export const SCRIPTS = [
  WRITE,
  ACQUIRE,
  RENEW,
  COMMIT,
  RELEASE,
  OBSERVE,
  REMOVE,
  EXPIRE,
  CLEAR,
  RECLAIM,
  PROBE,
  SECRET,
  REPORT,
  NEWEST,
  REMEMBER,
  RECALL,
]

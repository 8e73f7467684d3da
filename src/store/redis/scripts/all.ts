import { OBSERVE, RECLAIM, WRITE } from './entries.js'
import { ENSURE } from './generations.js'
import { CLEAR, EXPIRE, REMOVE } from './invalidations.js'
import { READ_HISTORIES, RECORD_CHANGES } from './key-history.js'
import { ACQUIRE, COMMIT, RELEASE, RENEW } from './leases.js'
import { PROBE } from './probe.js'
import { SECRET } from './secret.js'
import { READ_NEWEST, REPORT } from './statistics.js'

/** All scripts, which are loaded on each new connection. */
export const SCRIPTS = [
  ENSURE,
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
  READ_NEWEST,
  RECORD_CHANGES,
  READ_HISTORIES,
]

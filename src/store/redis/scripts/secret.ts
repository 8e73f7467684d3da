import { SECRET_BYTES } from '../../store.js'
import { DONE, script } from './script.js'

/**
 * KEYS  the secret
 * ARGV  deadline, id (unused), a secret to store if there is none, its life
 *
 * Returns the secret, which is the same for all processes until none has read it for as long as it lives.
 */
export const SECRET = script(`
local secret = head_at(KEYS[1], '${SECRET_BYTES}')
if not secret or #secret ~= #ARGV[3] then
  secret = ARGV[3]
  redis.call('SET', KEYS[1], secret, 'PX', ARGV[4])
else
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
end
return {${DONE}, now, secret}
`)

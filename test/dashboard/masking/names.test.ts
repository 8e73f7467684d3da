import { expect, test } from 'vitest'
import { SecretNames } from '../../../src/dashboard/masking/secret-names.js'
import { named, testRows } from '../../helpers/rows.js'

const secrets = new SecretNames()

const SECRET = [
  ...['password', '_password', '$password', '__password__', 'PASSWORD', 'user.password', 'user[password]'],
  ...['user-password-2', 'newPassword', 'db_pass', 'dbpass', 'dbpwd', 'DB_PWD', 'pass', 'pass1', 'kennwort'],
  ...[
    'api key',
    'apiKey',
    'api_key',
    'API-KEY',
    'api.key',
    'api+key',
    'x-api-key',
    'APIKey',
    'apikeys',
    'apikey2',
  ],
  ...[
    'PINCode',
    'userPIN',
    'pins',
    'jwtToken',
    'JWTs',
    'csrf',
    'XSRF-TOKEN',
    'sid',
    'connect.sid',
    'sig',
    'oauth',
  ],
  ...[
    'Authorization',
    'Proxy-Authorization',
    'auth',
    'x-auth',
    'cookie',
    'Set-Cookie',
    'sessions',
    'sessionid',
  ],
  ...[
    'REDIS_URL',
    'databaseUrl',
    'connectionString',
    'cardNumber',
    'privateKey',
    'signing-key',
    'credentials',
  ],
  ...[
    'ｐａｓｓｗｏｒｄ',
    'pаsswоrd',
    'ΡASSWORD',
    'pass\u200bword',
    'pässwörd',
    'contrasena',
    'contraseña',
    'пароль',
    '密码',
  ],
  ...[`${'n'.repeat(90)}_password`, `${'n'.repeat(5_000)} token ${'n'.repeat(4_000)}`, 'x'.repeat(10_001)],
]

testRows('the name of a secret is recognised', named(SECRET), (name) => {
  expect(secrets.has(name)).toBe(true)
})

const ORDINARY = [
  ...[
    'author',
    'authority',
    'coauthors',
    'passenger',
    'passage',
    'compass',
    'bypass',
    'passive',
    'pinned',
    'spin',
  ],
  ...[
    'shipping',
    'tokenize',
    'tokenizer',
    'tokenised',
    'secretary',
    'secretariat',
    'possession',
    'obsession',
  ],
  ...[
    'passwordless',
    'key',
    'keys',
    'keyboard',
    'name',
    'value',
    'url',
    'api',
    'card',
    'number',
    'inside',
    'side',
  ],
  ...[
    'basalt',
    'design',
    'signal',
    'assign',
    'private',
    'access',
    'primary key',
    'foreign_key',
    'monkey',
    '',
    '_',
  ],
]

testRows('an ordinary name is not taken for that of a secret', named(ORDINARY), (name) => {
  expect(secrets.has(name)).toBe(false)
})

test.each([
  ['api', 'key', true],
  ['my_api', 'keyOfAnna', true],
  ['api', 'keys', true],
  ['card', 'number', true],
  ['photo', 'kenya', false],
  ['api', 'keyboard', false],
  [undefined, 'key', false],
])('%s above %s: %s', (holder, name, expected) => {
  expect(secrets.hasUnder(holder, name)).toBe(expected)
})

test.each([[null], ['iban'], [{ only: 'iban' }], [{}], [{ only: ['a'], more: 1 }], [[1]], [['']], [['--']]])(
  'redact: %j is refused with a message that contains the right form',
  (redact) => {
    expect(() => new SecretNames(redact as never)).toThrow("Write ['iban'] to add")
  },
)

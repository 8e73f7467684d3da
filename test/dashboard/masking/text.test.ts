import { describe, expect, test } from 'vitest'
import { maskedText, maskText } from '../../../src/dashboard/masking/mask-text.js'
import { SecretNames } from '../../../src/dashboard/masking/secret-names.js'
import { named, testRows } from '../../helpers/rows.js'

const secrets = new SecretNames()
const mask = (text: string) => maskText(text, secrets)
const JWT = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dBjftJeZ4CVP'

/** In each of them `hunter2` is a secret, and `seen` is none. */
const HIDDEN: [group: string, texts: readonly string[]][] = [
  [
    'names',
    [
      ...[
        '_password=hunter2',
        '$password: hunter2',
        '"api key": "hunter2", "seen": 1',
        'api+key=hunter2&seen=1',
      ],
      ...[
        `${'n'.repeat(90)}_password=hunter2&seen=1`,
        'user[password]=hunter2&seen=1',
        'pass%77ord=hunter2&seen=1',
      ],
      ...[
        'p%2561ss=hunter2&seen=1',
        'my api key is: hunter2',
        'API-KEY = hunter2',
        '{"pass\\u0077ord":"hunter2","seen":1}',
      ],
      ...[
        'ｐａｓｓｗｏｒｄ=hunter2',
        'pаsswоrd: hunter2',
        'password：hunter2',
        'token := hunter2',
        'token => hunter2',
      ],
      ...[
        "'token' => 'hunter2', 'seen' => 1",
        "['token', 'hunter2', 'a', 'seen']",
        '--password hunter2 --seen x',
      ],
    ],
  ],
  [
    'where a value ends',
    [
      ...['password=ab,hunter2', 'password=ab;hunter2', 'password=ab hunter2', 'password=ab"hunter2'],
      ...["password=ab'hunter2", 'password=ab<hunter2', 'password=ab&hunter2', 'password="ab"hunter2'],
      ...[
        "password='it''s hunter2', seen",
        'token="ab\\"hunter2", seen',
        'token="""ab"hunter2"""',
        'password: ab, hunter2',
      ],
      ...[
        'password=hunter2 seen=1',
        'password=hunter2, seen=1',
        'password=hunter2; seen=1',
        'sid=hunter2&amp;seen=1',
      ],
      ...[
        'password:\n  - hunter2\n  - hunter2\nseen: x',
        'key:\n  token: |\n    hunter2\n    hunter2\nseen: x',
      ],
      ...['Authorization: Bearer\r\n hunter2\r\nSeen: seen', 'Cookie: a=b; c=hunter2\r\nX: seen'],
    ],
  ],
  [
    'JSON',
    [
      ...['{"a":"seen","password":["hunter2",{"b":"hunter2"}]}', '{"token":{"x":["hunter2"]},"a":"seen"}'],
      ...['{"token"\n:\n"hunter2","a":"seen"}', '{"name":"token","value":"hunter2","a":"seen"}'],
      ...['{"value":"hunter2","name":"token","a":"seen"}', '[["token","hunter2"],["a","seen"]]'],
      ...[
        '["a","seen","token","hunter2"]',
        '{"api":{"a":"seen","key":"hunter2"}}',
        'said {"token":"hunter2","a":"seen"}.',
      ],
      ...[
        '{"token":"hunter2"}\n{"a":"seen"}',
        '{"a":"seen","token":["hunter2"',
        '{"a":"seen","token":"hunter2',
        '{\\"token\\":\\"hunter2\\",\\"a\\":\\"seen\\"}',
      ],
      ...[
        '{"token,x":"hunter2","a":"seen"}',
        '{"x:token":"hunter2","a":"seen"}',
        '{"token":hunter2 and more',
      ],
      ...["{ a: 'seen', password: [ 'hunter2' ] }", "{'a': 'seen', 'password': {'b': 'hunter2'}}"],
      JSON.stringify({ a: JSON.stringify({ b: JSON.stringify({ token: 'hunter2', c: 'seen' }) }) }),
    ],
  ],
  [
    'addresses and paths',
    [
      ...[
        'https://u:hunter2@seen/x',
        'redis://app:hun#ter2hunter2@seen:6379',
        'redis://a:x/hunter2@seen',
        'https://hunter2@seen/x',
      ],
      ...['//u:hunter2@seen', 'connect to app:hunter2@seen:6379 failed', 'REDIS_URL=app:hunter2@host:6379'],
      ...[
        'GET /token/hunter2?seen',
        '/seen/token/hunter2',
        '/auth/login/hunter2',
        '/api/key/hunter2',
        'token/hunter2',
      ],
      ...[
        '/seen?token=hunter2#x',
        'next=%2Fseen%3Ftoken%3Dhunter2&a=1',
        'next=%252Fseen%253Ftoken%253Dhunter2',
      ],
      ...['/tok%65n/hunter2', 'a=%7B%22password%22%3A+%22hunter2%22%7D&seen=1', 'seen::session::hunter2'],
    ],
  ],
  [
    'other syntaxes',
    [
      '<input value="hunter2" type="password"> seen',
      '<dict><key>token</key><string>hunter2</string><key>a</key><string>seen</string></dict>',
      '<p><name>password</name><value>hunter2</value></p><p>seen</p>',
      '{"fieldName":"password","fieldValue":"hunter2","a":"seen"}',
      '{"k":"token","v":"hunter2","a":"seen"}',
      'seen\r\nContent-Disposition: form-data; name="password"\r\n\r\nhunter2\r\n--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nseen',
      '{\\"url\\":\\"https:\\\\/\\\\/u:hunter2@seen\\\\/\\"}',
      'https:\\/\\/u:hunter2@seen\\/',
      '\\/seen\\/token\\/hunter2',
      '{&quot;token&quot;:&quot;hunter2&quot;,&quot;a&quot;:&quot;seen&quot;}',
      'data-x="{&#34;token&#34;:&#34;hunter2&#34;}" seen',
      '(token) = hunter2',
      'password?=hunter2',
      'seen "password" "hunter2"',
      '["password"]=>\n  string(7) "hunter2"',
      '[password] => hunter2\n[a] => seen',
      '{\\u0022pin\\u0022:\\u0022hunter2\\u0022}',
      '\\x70in: hunter2',
      'password%5B%5D=hunter2&a=seen',
      'user%5Bpin%5D=hunter2&a=seen',
      ':password=>"hunter2", :a=>"seen"',
      'User(password=hunter2, a=seen)',
      'Server=seen;User Id=sa;Password=hunter2;',
      ...[
        '<password>hunter2</password><b>seen</b>',
        '<token a="b">hunter2</token>seen',
        '<input name="password" value="hunter2"> seen',
      ],
      ...[
        'Authorization: Basic aHVudGVyMg==hunter2',
        'Bearer hunter2 seen',
        "wrong password 'hunter2', seen",
      ],
      ...['{"a":"seen https://u:hunter2@h/?token=hunter2"}', '"url":"/?token=hunter2","a":"seen"'],
    ],
  ],
]

describe('A secret in a text is masked', () => {
  for (const [group, texts] of HIDDEN) {
    testRows(group, named(texts), (text) => {
      const masked = mask(text)
      expect(masked).not.toContain('hunter2')
      expect(masked).toContain('[masked]')
      if (text.includes('seen')) expect(masked.toLowerCase()).toContain('seen')
    })
  }
})

const SHAPES: [text: string, masked: string][] = [
  [`x ${JWT} y`, 'x [masked] y'],
  [
    'a -----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY----- b',
    'a -----BEGIN RSA PRIVATE KEY-----[masked]-----END RSA PRIVATE KEY----- b',
  ],
  ['-----BEGIN PRIVATE KEY-----\nMII', '-----BEGIN PRIVATE KEY-----[masked]'],
  ['Basic YW5uYTpodW50ZXIy', 'Basic [masked]'],
  [`ghp_${'a'.repeat(36)} x`, '[masked] x'],
  ['AKIAIOSFODNN7EXAMPLE', '[masked]'],
  [`at ${Buffer.from('{"token":"x","a":1}').toString('base64')}.`, 'at [masked].'],
]

testRows('a text with the shape of a secret is masked', named(SHAPES), ([text, expected]) => {
  expect(mask(text)).toBe(expected)
})

const ORDINARY = [
  ...[
    'author=x&passenger=y',
    'The quick brown fox.',
    "it's 5 o'clock: time for tea",
    'a=1, b=2',
    'mailto:anna@example.com',
  ],
  ...[
    'http://localhost:3000/@vite/client',
    'https://medium.com/@anna/post',
    'https://auth.example.com/x',
    '/auth/login',
  ],
  ...[
    '{"passenger":"x","tokenize":[1],"api":{"a":1},"key":"b"}',
    'key=value',
    'Basic usage',
    'password=',
    'token: ',
    '100 %',
  ],
  ...[
    'a%20b%2Fc',
    '50%25 off',
    '<b>bold</b>',
    '--verbose x',
    'and/or',
    '12:30:45',
    'C:\\temp\\x',
    '-----BEGIN CERTIFICATE-----\nMII',
  ],
]

testRows('an ordinary text is unchanged', named(ORDINARY), (text) => {
  expect(mask(text)).toBe(text)
})

test('a text is changed only at its masks, in any division into pieces', () => {
  const text = `${'😀 a "b": c, '.repeat(20_000)}token=hunter2`
  const pieces = [...maskedText(text, secrets)]
  expect(pieces.join('')).toBe(text.replace('hunter2', '[masked]'))
  expect(pieces.every((piece) => piece.isWellFormed() && piece.length < 10_000)).toBe(true)
})

/** A quadratic masker would take minutes for each of these, beyond the timeout. */
test.each<[string, string]>([
  ['a-a-…', 'a-'.repeat(1e6)],
  ['a secret that opens brackets', `"password":${'['.repeat(2e6)}`],
  ['open brackets', '['.repeat(2e6)],
  ['open braces', '{'.repeat(2e6)],
  ['equals signs', '='.repeat(2e6)],
  ['names', 'a:'.repeat(1e6)],
  ['percent signs', '%25'.repeat(2e6)],
  ['percent signs of percent signs', `%${'25'.repeat(2e6)}`],
  ['quotes', '"'.repeat(2e6)],
  ['escaped quotes', '\\"'.repeat(2e6)],
  ['backslashes', '\\'.repeat(2e6)],
  ['blanks', `${' '.repeat(2e6)}:`],
  ['unclosed quotes', 'token="'.repeat(3e5)],
  ['tokens', 'eyJ.'.repeat(1e6)],
  ['one long token', `eyJ${'a'.repeat(2e6)}`],
  ['slashes', '/'.repeat(2e6)],
  ['addresses', 'a://b:'.repeat(5e5)],
  ['addresses before an @', `${'a://b:'.repeat(5e5)}@`],
  ['signed in', 'a:b@'.repeat(5e5)],
  ['a path', '/token'.repeat(1e6)],
  ['ampersands in a secret', `token=${'& '.repeat(1e6)}`],
  ['lines below a secret', `token:${'\n '.repeat(2e6)}`],
  ['nested JSON', '{"a":'.repeat(1e6)],
  ['nested texts', '{"a":"'.repeat(3e5)],
  ['broken JSON', '[a{"b'.repeat(3e5)],
  ['tags', '<a '.repeat(1e6)],
  ['dashes', '-----BEGIN '.repeat(3e5)],
  ['a long name', `${'n'.repeat(2e6)}=x`],
])('takes time linear in the length of %s, in many steps', { timeout: 60_000 }, (_what, text) => {
  let steps = 0
  for (const _ of maskedText(text, secrets)) steps++
  expect(steps).toBeGreaterThan(0)
})

test('lets other work run every few thousand characters', () => {
  for (const text of [
    'a-'.repeat(4e5),
    'a:'.repeat(4e5),
    '"password":['.padEnd(8e5, '['),
    'token="a" '.repeat(8e4),
  ]) {
    const ticks = [...maskedText(text, secrets)].filter((piece) => piece === '')
    expect(ticks.length).toBeGreaterThan(50)
  }
})

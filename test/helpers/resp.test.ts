import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { commandOf, endOfValue, ValueSplitter, wordsOf } from './resp.js'

const VALUES: Record<string, string> = {
  'a text': '+OK\r\n',
  'an error': '-LOADING Redis is loading\r\n',
  'a number': ':-12\r\n',
  'a bulk string': '$4\r\na\r\nb\r\n',
  'an empty bulk string': '$0\r\n\r\n',
  'a null': '$-1\r\n',
  'a null array': '*-1\r\n',
  'an empty array': '*0\r\n',
  'nested arrays': '*3\r\n:1\r\n*2\r\n$1\r\nx\r\n$-1\r\n+OK\r\n',
  'RESP3: null, boolean, double, big number': '*4\r\n_\r\n#t\r\n,1.5\r\n(123456789012345678901\r\n',
  'RESP3: a verbatim text and a bulk error': '~2\r\n=7\r\ntxt:a\r\n\r\n!5\r\nERR x\r\n',
  'RESP3: a map': '%2\r\n+a\r\n:1\r\n+b\r\n*1\r\n:2\r\n',
  'RESP3: a push message': '>2\r\n+invalidate\r\n*1\r\n$1\r\na\r\n',
  'RESP3: a value with an attribute': '|1\r\n+ttl\r\n:9\r\n$1\r\na\r\n',
  'a line that is no value': 'PING\r\n',
}

describe('The end of a value', () => {
  test.each(Object.entries(VALUES))('%s', (_, text) => {
    const bytes = Buffer.from(`${text}+next\r\n`)
    expect(endOfValue(bytes)).toBe(text.length)
    for (let length = 0; length < text.length; length++) {
      expect(endOfValue(bytes.subarray(0, length)), `after ${length} bytes`).toBeUndefined()
    }
  })

  test('is found wherever a stream is cut', () => {
    const texts = Object.values(VALUES)
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...texts)), fc.array(fc.nat(40)), (values, lengths) => {
        const splitter = new ValueSplitter()
        const stream = Buffer.from(values.join(''))
        const found: string[] = []
        let start = 0
        for (const length of [...lengths, stream.length]) {
          found.push(...splitter.push(stream.subarray(start, start + length)).map(String))
          start += length
        }
        expect(found).toEqual(values)
      }),
    )
  })
})

describe('The words of a command', () => {
  test('are the words that it was made of, with any bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array(), { minLength: 1 }), (words) => {
        const given = words.map((word) => Buffer.from(word))
        const command = commandOf(given)
        expect(endOfValue(command)).toBe(command.length)
        expect(wordsOf(command)).toEqual(given)
      }),
    )
  })

  test('may be a line', () => {
    expect(wordsOf(Buffer.from('CONFIG GET  dir\r\n')).map(String)).toEqual(['CONFIG', 'GET', 'dir'])
  })
})

import fc from 'fast-check'
import t from 'tap'
import { MAX_BODY_BYTES, MAX_HEAD_BYTES, type Reading, ResponseReader } from '../../../src/health/http-response.js'
import { runs } from '../../runs.js'

interface Read {
  readonly reading: Reading
  readonly body: string
}

/** What is read of an answer that comes in these pieces; `isEnded`: and then the connection is closed. */
function read(pieces: readonly (string | Buffer)[], isHead = false, isEnded = false): Read {
  const reader = new ResponseReader(isHead)
  for (const piece of pieces) reader.feed(typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece)
  const reading = isEnded ? reader.end() : reader.reading
  return { reading, body: reader.body.toString('latin1') }
}

const ok = (mayKeep: boolean, status = 200, reason = 'OK'): Reading => ({
  state: 'done',
  head: { status, reason },
  mayKeep
})
const why = ({ reading }: Read): string => (reading.state === 'bad' ? reading.why : reading.state)

t.test('a length, chunks, no body, the end of the connection', async (t) => {
  const length = read(['HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello'])
  t.strictSame(length, { reading: ok(true), body: 'hello' })
  const chunks = read([
    'HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n3;x="y"\r\nhel\r\n2 \r\nlo\r\n0\r\nA: b\r\n\r\n'
  ])
  t.strictSame(chunks, { reading: ok(true), body: 'hello' })
  t.strictSame(read(['HTTP/1.1 204 No Content\r\n\r\n']).reading, ok(true, 204, 'No Content'))
  t.strictSame(read(['HTTP/1.1 304\r\ncontent-length: 7\r\n\r\n']).reading, ok(true, 304, ''))
  t.strictSame(read(['HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n'], true).reading, ok(true), 'HEAD')
  t.strictSame(read(['HTTP/1.1 200 OK\r\n\r\nhel', 'lo'], false, true), { reading: ok(false), body: 'hello' })
  t.strictSame(read(['HTTP/1.1 200 OK\n\n'], false, true).reading, ok(false), 'bare line ends')
})

t.test('who keeps the connection', async (t) => {
  const kept = (head: string): boolean => {
    const { reading } = read([`${head}\r\nContent-Length: 0\r\n\r\n`])
    return reading.state === 'done' && reading.mayKeep
  }
  t.ok(kept('HTTP/1.1 200 OK'))
  t.notOk(kept('HTTP/1.1 200 OK\r\nConnection: close'))
  t.notOk(kept('HTTP/1.1 200 OK\r\nConnection: Foo, Close'))
  t.notOk(kept('HTTP/1.0 200 OK'))
  t.ok(kept('HTTP/1.0 200 OK\r\nConnection: Keep-Alive'))
})

t.test('interim answers are passed over, within bounds; another protocol is none', async (t) => {
  const interim = 'HTTP/1.1 100 Continue\r\n\r\n'
  const early = 'HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n'
  t.strictSame(read([interim, early, 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n']).reading, ok(true))
  t.equal(why(read([interim.repeat(16)])), 'head')
  t.equal(why(read([interim.repeat(17)])), 'more than 16 interim answers')
  t.equal(why(read(['HTTP/1.1 101 Switching Protocols\r\n\r\n'])), 'it switched to another protocol')
})

t.test('what is no answer is told at once, by its first bytes', async (t) => {
  t.equal(why(read(['SSH-2.0-OpenSSH_9.2'])), 'not HTTP: SSH-2.0-OpenSSH_9.2')
  t.equal(why(read(['HTTX'])), 'not HTTP: HTTX')
  t.equal(why(read(['\r\nHTTP/1.1 200 OK\r\n\r\n'])), 'not HTTP: ')
  t.match(why(read([Buffer.from([0x15, 3, 1, 0, 2, 2, 22])])), /speaks TLS.*https/)
  t.equal(why(read(['HTTP/2 200 OK\r\n\r\n'])), 'not HTTP: HTTP/2 200 OK')
  t.equal(why(read(['HTTP/1.1 2000 OK\r\n\r\n'])), 'not HTTP: HTTP/1.1 2000 OK')
  t.equal(why(read(['HTTP/1.1 200OK\r\n\r\n'])), 'not HTTP: HTTP/1.1 200OK')
  t.equal(why(read(['HTTP/1.1 700 OK\r\n\r\n'])), 'not HTTP: HTTP/1.1 700 OK')
  t.equal(why(read(['HTTP/'])), 'head', 'so far it could be one')
})

t.test('what two readers could read differently is refused', async (t) => {
  const head = (fields: string): string => why(read([`HTTP/1.1 200 OK\r\n${fields}\r\n\r\n`]))
  t.equal(head('Content-Length: 5\r\nContent-Length: 6'), 'a broken Content-Length')
  t.equal(head('Content-Length: 5\r\nContent-Length: 5'), 'body')
  t.equal(head('Content-Length: -5'), 'a broken Content-Length')
  t.equal(head('Content-Length: 0x5'), 'a broken Content-Length')
  t.equal(head('Content-Length: 5\r\nTransfer-Encoding: chunked'), 'both a Content-Length and a transfer coding')
  t.equal(head('Transfer-Encoding: gzip, chunked'), 'a transfer coding that was not asked for')
  t.equal(head('no colon'), 'a broken header field')
  t.equal(head(' folded: line'), 'a broken header field')
  t.equal(head('Content-Length : 5'), 'a broken header field')
})

t.test('broken chunks', async (t) => {
  const chunks = (text: string): string => why(read([`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${text}`]))
  t.equal(chunks('zz\r\n'), 'a broken chunk: zz')
  t.equal(chunks('\r\n'), 'a broken chunk: ')
  t.equal(chunks('-1\r\n'), 'a broken chunk: -1')
  t.equal(chunks('3\r\nabcd\r\n'), 'a broken chunk: d')
  t.match(chunks('1'.repeat(5000)), /chunk-size does not end/)
  t.match(chunks(`0\r\n${'A: b\r\n'.repeat(4000)}`), /trailer does not end/)
  t.equal(chunks('ffffffff\r\nabc'), 'body')
})

t.test('a connection that is closed too early', async (t) => {
  const cut = (text: string): string => why(read([text], false, true))
  t.equal(cut('HTTP/1.1 200 OK\r\n'), 'the connection was closed before the end of the head')
  t.equal(
    cut('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel'),
    'the connection was closed before the end of the body'
  )
  t.equal(
    cut('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n'),
    'the connection was closed before the end of the body'
  )
  const { reading, body } = read(['HTTP/1.1 500 No\r\nContent-Length: 5\r\n\r\nhel'], false, true)
  t.match(reading, { state: 'bad', head: { status: 500 } }, 'its status is known all the same')
  t.equal(body, 'hel')
})

t.test('more than was asked for: the answer counts, the connection is not kept', async (t) => {
  const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx'
  t.strictSame(read([`${answer}HTTP/1.1 500 Smuggled\r\n\r\n`]).reading, ok(false))
  t.strictSame(read([answer, 'y']).reading, ok(false))
})

t.test('a head without an end is given up after 16 KiB', async (t) => {
  const reader = new ResponseReader(false)
  reader.feed(Buffer.from('HTTP/1.1 200 OK\r\n'))
  let fed = 0
  while (reader.reading.state === 'head' && fed < 1 << 20) {
    reader.feed(Buffer.from(`X-${fed}: ${'y'.repeat(100)}\r\n`))
    fed += 100
  }
  t.match(reader.reading, { state: 'bad', why: /its head does not end/ })
  t.ok(fed <= MAX_HEAD_BYTES)
  t.match(why(read(['HTTP/1.1 200 OK\r\n', 'x'.repeat(MAX_HEAD_BYTES + 1)])), /its head does not end/)
})

t.test('64 KiB of a body are kept, the rest is let go', async (t) => {
  const reader = new ResponseReader(false)
  reader.feed(Buffer.from('HTTP/1.1 200 OK\r\n\r\n'))
  for (let i = 0; i < 1000; i++) reader.feed(Buffer.alloc(16_384, 'x'))
  t.ok(reader.isFull)
  t.equal(reader.body.length, MAX_BODY_BYTES)
})

/** Cuts a text at these places. */
function cut(text: string, places: readonly number[]): Buffer[] {
  const bytes = Buffer.from(text, 'latin1')
  const at = [0, ...places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
  return at.slice(1).map((end, index) => bytes.subarray(at[index], end))
}

const header = fc.constantFrom(
  'Content-Length: 5',
  'Content-Length: 7',
  'Transfer-Encoding: chunked',
  'Connection: close',
  'X-Other: value',
  'broken'
)
const body = fc.oneof(
  fc.string({ maxLength: 20 }),
  fc.constantFrom('hello', '5\r\nhello\r\n0\r\n\r\n', '1\r\nx\r\n2\r\nyz\r\n0\r\nT: 1\r\n\r\n', '5\r\nhel')
)
const answer = fc
  .tuple(
    fc.constantFrom('', 'HTTP/1.1 100 Continue\r\n\r\n'),
    fc.constantFrom('HTTP/1.1 200 OK', 'HTTP/1.0 200 OK', 'HTTP/1.1 204 ', 'HTTP/1.1 500 No', 'SSH-2.0', 'HTTP/1.1 20'),
    fc.array(header, { maxLength: 3 }),
    body
  )
  .map(([interim, status, fields, text]) => `${interim}${[status, ...fields].join('\r\n')}\r\n\r\n${text}`)

/** How much had come when it was seen to be no HTTP is chance. */
const normal = ({ reading, body }: Read): Read =>
  reading.state === 'bad' && reading.why.startsWith('not HTTP')
    ? { reading: { ...reading, why: 'not HTTP' }, body }
    : { reading, body }

t.test('any answer reads the same in whatever pieces it comes', async (t) => {
  fc.assert(
    fc.property(
      answer,
      fc.array(fc.nat(), { maxLength: 8 }),
      fc.boolean(),
      fc.boolean(),
      (text, places, isHead, isEnded) => {
        const whole = normal(read([text], isHead, isEnded))
        t.strictSame(normal(read(cut(text, places), isHead, isEnded)), whole)
        const bytes = [...Buffer.from(text, 'latin1')].map((byte) => Buffer.of(byte))
        t.strictSame(normal(read(bytes, isHead, isEnded)), whole)
      }
    ),
    runs(500)
  )
})

t.test('any bytes: nothing throws, and what is kept is bounded', async () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 64 }), { maxLength: 20 }), fc.boolean(), (pieces, startsRight) => {
      const reader = new ResponseReader(false)
      if (startsRight) reader.feed(Buffer.from('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'))
      for (const piece of pieces) reader.feed(Buffer.from(piece))
      reader.end()
      return reader.body.length <= MAX_BODY_BYTES && reader.reading.state !== 'head' && reader.reading.state !== 'body'
    }),
    runs(1000)
  )
})

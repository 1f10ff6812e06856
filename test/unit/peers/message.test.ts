import fc from 'fast-check'
import t from 'tap'
import { clientsAt } from '../../../src/peers/endpoints.js'
import { Lines } from '../../../src/peers/lines.js'
import { decodeMessage, encodeMessage, type Message, type PeerView } from '../../../src/peers/message.js'

const view: PeerView = {
  node: 'master01',
  version: '0.1.0',
  uptime_s: 5,
  vrrp: [
    {
      name: 'VI_1',
      virtual_router_id: 88,
      state: 'MASTER',
      since: '2026-11-28T00:00:00.000Z',
      effective_priority: 100,
      virtual_ipaddress: ['10.32.255.99/32']
    }
  ],
  proxy: [{ name: 'api', sessions: 3, servers: [{ name: 'a', status: 'UP' }] }]
}

const messages: Message[] = [
  { type: 'hello', protocol: 1, version: '0.1.0' },
  { type: 'view', view },
  {
    type: 'clients',
    of: [
      { listener: '10.32.255.99:8443', endpoints: Uint8Array.of(10, 0, 0, 1, 0x9c, 0x40, 10, 0, 0, 2, 0, 80) },
      { listener: '[fd00::99]:8443', endpoints: new Uint8Array(18) }
    ]
  }
]

t.test('a message is one line, and comes back as it was', async (t) => {
  for (const message of messages) {
    const line = encodeMessage(message)
    t.match(line, /^[^\n]+\n$/)
    t.strictSame(decodeMessage(line.slice(0, -1)), message)
  }
})

t.test('what is no message is not understood, whatever it is, and nothing throws', async (t) => {
  for (const line of ['', '{', '[]', 'null', '{"type":"hello"}', '{"type":"view"}', '{"type":"clients","of":[1]}'])
    t.equal(decodeMessage(line), undefined, line)
  t.equal(decodeMessage('{"type":"clients","of":[["10.0.0.1:80","AAAA"]]}'), undefined, 'half an endpoint')
  fc.assert(fc.property(fc.string(), (line) => decodeMessage(line) === undefined || line.includes('type')))
  fc.assert(
    fc.property(fc.json(), (line) => {
      decodeMessage(`{"type":"view","view":${line}}`)
      decodeMessage(`{"type":"clients","of":${line}}`)
    })
  )
})

t.test('of a view only what is shown is kept, and no list is longer than 256', async (t) => {
  const servers = Array.from({ length: 300 }, (_, i) => ({ name: `s${i}`, status: 'UP', password: 'x' }))
  const raw = { ...view, secret: 'x', proxy: [{ name: 'api', sessions: 'many', servers }] }
  const decoded = decodeMessage(JSON.stringify({ type: 'view', view: raw }))
  if (decoded?.type !== 'view') throw new Error('no view')
  t.equal(decoded.view.proxy[0]?.servers.length, 256)
  t.equal(decoded.view.proxy[0]?.sessions, 0)
  t.notMatch(JSON.stringify(decoded), /secret|password/)
})

t.test('lines come out of pieces of any size', async () => {
  const text = ['one', 'zwei €', '', 'four'].join('\n')
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 7 })), (sizes) => {
      const lines = new Lines(100)
      const bytes = Buffer.from(`${text}\n`)
      const found: string[] = []
      let at = 0
      for (const size of [...sizes, bytes.length]) {
        found.push(...(lines.push(bytes.subarray(at, at + size)) ?? []))
        at += size
      }
      return found.join('\n') === text && !lines.isInside
    })
  )
})

t.test('a line that is too long ends it, whether its end is there or not', async (t) => {
  t.equal(new Lines(3).push(Buffer.from('four')), undefined)
  t.equal(new Lines(3).push(Buffer.from('four\n')), undefined)
  t.strictSame(new Lines(3).push(Buffer.from('one\ntw')), ['one'])
  const lines = new Lines(3)
  t.strictSame(lines.push(Buffer.from('tw')), [])
  t.ok(lines.isInside)
  t.equal(lines.push(Buffer.from('elve\n')), undefined)
})

t.test('the data plane’s endpoints become the clients of listeners at virtual addresses', async (t) => {
  const v4 = (a: number, port: number): number[] => [...Array(10).fill(0), 255, 255, 10, 0, 0, a, port >> 8, port & 255]
  const v6 = (last: number, port: number): number[] => [0xfd, ...Array(14).fill(0), last, port >> 8, port & 255]
  const endpoints = Uint8Array.from([
    ...v4(1, 40_000),
    ...v4(99, 8443),
    ...v6(1, 50_000),
    ...v6(0x99, 8443),
    ...v4(2, 40_001),
    ...v4(99, 8443),
    ...v4(3, 40_002),
    ...v4(20, 8443),
    // Through a proxy that came by IPv6: it says that its client is an IPv4 one.
    ...v4(4, 40_003),
    ...v6(0x99, 8443),
    // A piece of one.
    1,
    2
  ])
  t.strictSame(clientsAt(endpoints, new Set(['10.0.0.99', 'fd00::99'])), [
    { listener: '10.0.0.99:8443', endpoints: Uint8Array.of(10, 0, 0, 1, 0x9c, 0x40, 10, 0, 0, 2, 0x9c, 0x41) },
    { listener: '[fd00::99]:8443', endpoints: Uint8Array.from(v6(1, 50_000)) }
  ])
  t.strictSame(clientsAt(endpoints, new Set()), [])
})

import t from 'tap'
import { systemClock } from '../../../src/base/clock.js'
import type { Family } from '../../../src/base/ip.js'
import type { CheckResult } from '../../../src/health/checker.js'
import { icmpProbe, Pinger } from '../../../src/health/icmp.js'
import { echoReply, echoRequest } from '../../../src/health/icmp-echo.js'
import type { IcmpHandlers } from '../../../src/os/icmp.js'
import { icmpOpener } from '../../../src/os/icmp.js'
import { ManualClock } from '../../fakes/manual-clock.js'

interface Sent {
  readonly family: Family
  readonly message: Buffer
  readonly address: string
  readonly onError: (message: string) => void
}

function pinger() {
  const clock = new ManualClock()
  const sent: Sent[] = []
  const handlers = new Map<Family, IcmpHandlers>()
  let opened = 0
  let closed = 0
  const one = new Pinger(clock, (family, its) => {
    opened++
    handlers.set(family, its)
    return {
      send: (message, address, onError) => sent.push({ family, message, address, onError }),
      close: () => closed++
    }
  })
  const results: CheckResult[] = []
  const ping = (host: string, timeoutMs = 1000) => one.ping(host, timeoutMs, (result) => results.push(result))
  /** What the other end makes of a request. */
  const answer = (
    { family, message, address }: Sent,
    change: (reply: Buffer) => void = () => undefined,
    from = address
  ): void => {
    const reply = Buffer.from(message)
    reply[0] = family === 4 ? 0 : 129
    change(reply)
    if (family === 4) checksum(reply)
    handlers.get(family)?.onReply(reply, from)
  }
  return { clock, one, sent, results, ping, answer, handlers, opened: () => opened, closed: () => closed }
}

/** RFC 1071, by another way than the code's. */
function checksum(message: Buffer): void {
  message.writeUInt16BE(0, 2)
  let sum = 0
  for (let at = 0; at < message.length; at += 2) {
    sum += message.readUInt16BE(at)
    if (sum > 0xffff) sum -= 0xffff
  }
  message.writeUInt16BE(0xffff - sum, 2)
}

t.test('an echo there and back', async (t) => {
  const token = { id: 0x1234, sequence: 0xfffe, secret: Buffer.from('12345678') }
  for (const family of [4, 6] as const) {
    const request = echoRequest(family, token)
    t.equal(request[0], family === 4 ? 8 : 128)
    t.equal(echoReply(family, request), undefined, 'a request is no reply')
    const reply = Buffer.from(request)
    reply[0] = family === 4 ? 0 : 129
    if (family === 4) {
      t.equal(echoReply(4, reply), undefined, 'its checksum is that of the request')
      checksum(reply)
    }
    t.strictSame(echoReply(family, reply), token)
    t.equal(echoReply(family, reply.subarray(0, 15)), undefined)
    t.equal(echoReply(family, Buffer.concat([reply, reply])), undefined)
    t.equal(echoReply(family, Buffer.alloc(0)), undefined)
  }
})

t.test('a reply is ready, silence is not', async (t) => {
  const { clock, sent, results, ping, answer, one } = pinger()
  ping('10.0.0.1')
  ping('fd00::0:1')
  ping('10.0.0.3')
  t.strictSame(
    sent.map(({ family, address }) => [family, address]),
    [
      [4, '10.0.0.1'],
      [6, 'fd00::1'],
      [4, '10.0.0.3']
    ]
  )
  await clock.advance(10)
  for (const request of sent.slice(0, 2)) answer(request)
  t.match(results, [
    { isOk: true, code: 'L3OK', tookMs: 10 },
    { isOk: true, code: 'L3OK' }
  ])
  await clock.advance(990)
  t.match(results[2], { isOk: false, code: 'L3TOUT', detail: 'no reply within 1000 ms', tookMs: 1000 })
  t.equal(one.outstanding, 0)
  t.equal(clock.pending, 0)
  for (const request of sent) answer(request)
  t.equal(results.length, 3, 'late replies and second ones are none')
})

t.test('what is not the reply to our question is none', async (t) => {
  const { sent, results, ping, answer } = pinger()
  ping('10.0.0.1')
  const [request] = sent
  if (request === undefined) throw new Error('nothing was sent')
  answer(request, (reply) => reply.writeUInt16BE((reply.readUInt16BE(4) + 1) & 0xffff, 4))
  answer(request, (reply) => reply.writeUInt16BE(reply.readUInt16BE(6) + 1, 6))
  answer(request, (reply) => reply.writeUInt8(reply.readUInt8(9) ^ 1, 9))
  answer(request, (reply) => reply.writeUInt8(8, 0))
  answer(request, undefined, '10.0.0.2')
  t.strictSame(results, [])
  answer(request)
  t.equal(results.length, 1)
})

t.test('one socket for each family; after a failure of it the next question opens another', async (t) => {
  const { clock, results, ping, handlers, opened, closed, one } = pinger()
  ping('10.0.0.1')
  ping('10.0.0.2')
  t.equal(opened(), 1)
  ping('fd00::1')
  t.equal(opened(), 2)
  handlers.get(4)?.onClosed('gone')
  await clock.advance(1000)
  t.strictSame(
    results.map(({ code }) => code),
    ['L3TOUT', 'L3TOUT', 'L3TOUT']
  )
  ping('10.0.0.1')
  t.equal(opened(), 3)
  one.close()
  t.equal(closed(), 2)
  t.equal(one.outstanding, 0)
})

t.test('what the system says when it cannot be sent', async (t) => {
  const { sent, results, ping } = pinger()
  for (const message of ['Network is unreachable', 'No buffer space available', 'Operation not permitted']) {
    ping('10.0.0.1')
    sent.at(-1)?.onError(message)
  }
  t.strictSame(
    results.map(({ code }) => code),
    ['L3CON', 'SOCKERR', 'SOCKERR']
  )
  const none = new Pinger(new ManualClock(), () => {
    throw new Error('Operation not permitted')
  })
  none.ping('10.0.0.1', 1000, (result) => results.push(result))
  t.match(results.at(-1), { isOk: false, code: 'SOCKERR', detail: 'no socket for ICMP: Operation not permitted' })
  none.ping('somewhere', 1000, (result) => results.push(result))
  t.match(results.at(-1), { code: 'SOCKERR', detail: 'somewhere is no address' })
  t.equal(none.outstanding, 0)
})

t.test('questions that wait are bounded, and no two have one number', async (t) => {
  const { sent, results, ping, one } = pinger()
  const giveUps = Array.from({ length: 16_384 }, () => ping('10.0.0.1'))
  t.equal(new Set(sent.map(({ message }) => message.readUInt16BE(6))).size, 16_384)
  ping('10.0.0.1')
  t.match(results, [{ code: 'SOCKERR', detail: /too many pings/ }])
  for (const giveUp of giveUps.slice(1)) giveUp()
  t.equal(one.outstanding, 1)
  for (let i = 0; i < 70_000; i++) ping('10.0.0.1')()
  t.equal(one.outstanding, 1, 'the one that waits keeps its number')
  t.notOk(
    sent
      .slice(1)
      .slice(-65_000)
      .some(({ message }) => message.readUInt16BE(6) === sent[0]?.message.readUInt16BE(6))
  )
})

t.test('given up, a probe answers no more', async (t) => {
  const { clock, one, sent, answer } = pinger()
  const probe = icmpProbe(one, '10.0.0.1')
  probe(1000, () => t.fail('an answer'))
  probe.close?.()
  for (const request of sent) answer(request)
  await clock.advance(2000)
  t.equal(clock.pending, 0)
})

const skip = process.geteuid?.() === 0 ? false : 'needs CAP_NET_RAW'

t.test('real pings of this host, both families', { skip }, async (t) => {
  const one = new Pinger(systemClock, icmpOpener({ closeOnExec: () => undefined }))
  t.teardown(() => one.close())
  for (const host of ['127.0.0.1', '::1']) {
    const results = await Promise.all(
      Array.from({ length: 50 }, () => new Promise<CheckResult>((resolve) => one.ping(host, 10_000, resolve)))
    )
    t.ok(
      results.every(({ code }) => code === 'L3OK'),
      `${host}: ${JSON.stringify(results.find(({ isOk }) => !isOk))}`
    )
  }
})

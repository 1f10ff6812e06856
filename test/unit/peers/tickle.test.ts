import t from 'tap'
import type { Clients } from '../../../src/peers/message.js'
import { tickle } from '../../../src/peers/tickle.js'
import { Tickler } from '../../../src/peers/tickler.js'
import { ManualClock } from '../../fakes/manual-clock.js'
import { MemoryLog } from '../../fakes/memory-log.js'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

// Both computed independently, by Python's struct: source port 8443, destination port 40000, ACK alone, all else 0.
t.test('IPv4: a bare ACK from the VIP, every checksum right', async (t) => {
  const packet = tickle({ host: '10.32.255.99', port: 8443 }, Uint8Array.of(10, 32, 0, 10, 0x9c, 0x40))
  t.equal(hex(packet), '4500002800000000400667230a20ff630a20000a20fb9c40000000000000000050100000deeb0000')
})

t.test('IPv6: the same with hop limit 64', async (t) => {
  const client = Uint8Array.of(0xfd, ...Array(14).fill(0), 0x0a, 0x9c, 0x40)
  const packet = tickle({ host: 'fd00::99', port: 8443 }, client)
  const header = '6000000000140640fd000000000000000000000000000099fd00000000000000000000000000000a'
  t.equal(hex(packet), `${header}20fb9c40000000000000000050100000f7f40000`)
})

const many = (count: number): Clients => ({
  listener: '10.32.255.99:8443',
  endpoints: new Uint8Array(count * 6).fill(7)
})

t.test('every client is told twice, 50 each 10 ms', async (t) => {
  const clock = new ManualClock()
  const sent: { readonly at: number; readonly count: number }[] = []
  const send = (packets: readonly Uint8Array[]): number => {
    sent.push({ at: clock.now(), count: packets.length })
    return packets.length
  }
  const tickler = new Tickler({ clock, log: new MemoryLog(clock.now), send })
  tickler.tell([many(60), many(60)])
  t.strictSame(sent, [{ at: 0, count: 50 }], 'the first at once')
  await clock.advance(25)
  t.strictSame(
    sent.map(({ count }) => count),
    [50, 50, 20]
  )
  await clock.advance(2000)
  t.strictSame(
    sent.map(({ count }) => count),
    [50, 50, 20, 50, 50, 20]
  )
  t.equal(sent[3]?.at, 1000)
  t.equal(tickler.sent, 240)
})

t.test('nobody to tell: nothing is sent or said', async (t) => {
  const clock = new ManualClock()
  const log = new MemoryLog(clock.now)
  const tickler = new Tickler({ clock, log, send: () => t.fail('sent') as never })
  tickler.tell([])
  tickler.tell([many(0)])
  await clock.advance(5000)
  t.strictSame(log.lines, [])
})

t.test('where nothing can be sent it is said once, and tried once more', async (t) => {
  const clock = new ManualClock()
  const log = new MemoryLog(clock.now)
  let tries = 0
  const send = (): number => {
    tries++
    throw new Error('sendto EPERM')
  }
  const tickler = new Tickler({ clock, log, send })
  tickler.tell([many(200)])
  await clock.advance(5000)
  t.equal(tries, 2)
  t.equal(log.lines.filter(({ message }) => message.startsWith('clients cannot be told')).length, 1)
  t.equal(tickler.sent, 0)
})

t.test('after stop nothing leaves', async (t) => {
  const clock = new ManualClock()
  let sent = 0
  const tickler = new Tickler({ clock, log: new MemoryLog(clock.now), send: ({ length }) => (sent += length) })
  tickler.tell([many(500)])
  tickler.stop()
  await clock.advance(5000)
  t.equal(sent, 50)
})

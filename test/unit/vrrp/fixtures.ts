import { type Advert, encodeAdvert, passwordBytes } from '../../../src/vrrp/advert.js'
import type { Packet } from '../../../src/vrrp/receive.js'
import { FakeElection } from '../../fakes/fake-election.js'
import { FakeLink } from '../../fakes/fake-link.js'
import type { FakeSender } from '../../fakes/fake-sender.js'
import { ManualTime } from '../../fakes/manual-clock.js'

export const GROUP = '224.0.0.18'
export const STRANGER = '10.32.137.77'
export const VIP_TEXT = '10.32.255.99'

/** An advert of the seed's virtual router without a password, from somebody that no test runs. */
export function packet(overrides: Partial<Advert> = {}, envelope: Partial<Packet> = {}): Packet {
  const { source = STRANGER, destination = GROUP, ttl = 255 } = envelope
  const advert: Advert = {
    version: 2,
    vrid: 88,
    priority: 50,
    advertIntMs: 1000,
    addresses: [VIP_TEXT],
    checksum: overrides.version === 3 ? 'pseudo-header' : 'message',
    ...(overrides.version === 3 ? {} : { auth: { type: 0, data: new Uint8Array(8) } }),
    ...overrides
  }
  return { payload: encodeAdvert(advert, { source, destination }), source, destination, ttl }
}

/** Authentication by a password, as an advert carries it. */
export const pass = (password: string) => ({ type: 1, data: passwordBytes(password) })

/** A link, and as many nodes on it as a test asks for: a at .20, b at .21, … */
export function world() {
  const time = new ManualTime()
  const lan = new FakeLink()
  let count = 0
  const add = (sender: FakeSender | null = null, further: readonly string[] = []): FakeElection => {
    const i = count++
    const sources = [`10.32.137.${20 + i}`, `fe80::${20 + i}`, ...further]
    return new FakeElection(String.fromCharCode(97 + i), { time, lan, sources, sender })
  }
  return { time, lan, add }
}

/** Adverts of this one come in at an even pace until the end is called. */
export function stream(time: ManualTime, everyMs: number, send: () => void): () => void {
  const timer = time.clock().every(everyMs, send)
  send()
  return () => timer.cancel()
}

import type { Test } from 'tap'
import {
  type AdvertDatagram,
  type AdvertPlan,
  addon,
  type NativeAdvertSender,
  type NativePacket,
  type NativeVrrpSocket
} from '../../src/os/addon.js'

/**
 * VRRP on the loopback interface. Other tests use it at the same time: each has an address of its own, and none sends
 * more than some hundred packets, for all of them reach every socket.
 */

/** False, and the test passes as skipped, where this process may not open raw sockets. */
export function canOpenRaw(t: Test): boolean {
  if (!addon().missingCapabilities().includes('CAP_NET_RAW')) return true
  t.pass('skipped: needs CAP_NET_RAW')
  return false
}

let addresses = 0

/** An address of this host that nobody else uses. */
export function ownAddress(): string {
  addresses++
  return `127.${100 + addresses}.${process.pid & 255}.${1 + ((process.pid >> 8) % 250)}`
}

/** CLOCK_MONOTONIC in milliseconds. */
export function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

/** The main loop does nothing else for a while. */
export function block(forMs: number): void {
  const end = nowMs() + forMs
  while (nowMs() < end);
}

export interface Ear {
  readonly socket: NativeVrrpSocket
  readonly address: string
  /** What came for this address. */
  readonly packets: NativePacket[]
  /** The first byte of each. */
  marks(): number[]
}

/** A socket on `lo` with an address of its own; closed when the test ends. */
export function ear(t: Test, onPacket: (packet: NativePacket) => void = () => undefined): Ear {
  const address = ownAddress()
  const packets: NativePacket[] = []
  const options = { family: 4, interface: 'lo', interfaceIndex: 1, groups: [], source: '127.0.0.1' } as const
  const socket = new (addon().VrrpSocket)(options, (packet) => {
    if (packet.destination !== address) return
    packets.push(packet)
    onPacket(packet)
  })
  t.teardown(() => socket.close())
  return { socket, address, packets, marks: () => packets.map((packet) => packet.payload[0] ?? -1) }
}

/** One datagram with a mark in its first byte. */
export function datagram(mark: number, destination: string): AdvertDatagram {
  return { payload: Buffer.from([mark, 0, 0, 0, 0, 0, 0, 0]), destination, source: '127.0.0.1', ttl: 255 }
}

/** A sender that ends with the test. */
export function sender(t: Test, realTimePriority = 10): NativeAdvertSender {
  const made = new (addon().AdvertSender)({ realTimePriority })
  t.teardown(() => made.close())
  return made
}

/** One advert of mark 1, again and again, every 20 ms from now on. */
export function plan(to: Ear, more: Partial<AdvertPlan> = {}): AdvertPlan {
  return {
    socket: to.socket,
    adverts: [[datagram(1, to.address)]],
    repeat: true,
    firstAtMs: nowMs(),
    intervalMs: 20,
    silenceMs: 60_000,
    sinceMs: nowMs(),
    ...more
  }
}

import type { NativePacket } from '../../src/os/addon.js'
import type { VrrpSocket, VrrpSocketHandlers } from '../../src/os/raw-ip.js'
import type { Packet } from '../../src/vrrp/receive.js'
import type { WirePlace } from '../../src/vrrp/wire.js'
import type { ManualClock } from './manual-clock.js'

export interface Sent {
  readonly at: number
  readonly from: string
  readonly payload: Uint8Array
}

interface Port {
  readonly node: string
  readonly clock: ManualClock
  readonly handlers: VrrpSocketHandlers
  /** What the kernel holds for it. */
  readonly unread: NativePacket[]
}

const NO_NATIVE_SOCKET = { send: () => undefined, drain: () => undefined, close: () => undefined }

/** One Ethernet segment: what one node's wire sends, all the others' sockets hold unread until their loops look. */
export class FakeLink {
  readonly sent: Sent[] = []
  readonly #ports = new Set<Port>()
  readonly #cut = new Set<string>()
  /** Packets for which it says true are lost. */
  loses: (from: string, to: string) => boolean = () => false
  /** What a node's kernel says to whatever it sends. */
  refusal: string | undefined

  /** Nothing passes between two nodes, in either direction, or in the one named. */
  cut(from: string, to: string, direction: 'both' | 'one' = 'both'): void {
    this.#cut.add(`${from} ${to}`)
    if (direction === 'both') this.#cut.add(`${to} ${from}`)
  }

  mend(): void {
    this.#cut.clear()
  }

  /** What `Wire` opens its socket by. */
  opener(node: string, clock: ManualClock) {
    return (_: WirePlace, handlers: VrrpSocketHandlers): VrrpSocket => {
      const port: Port = { node, clock, handlers, unread: [] }
      this.#ports.add(port)
      return {
        kind: 'addon',
        send: (payload, to) => {
          if (this.refusal !== undefined) {
            handlers.onError(this.refusal)
            return
          }
          this.sent.push({ at: clock.now(), from: node, payload })
          this.inject({ payload, ...to }, node)
        },
        drain: () => {
          while (port.unread.length > 0) this.#read(port)
        },
        native: NO_NATIVE_SOCKET,
        flush: () => Promise.resolve(),
        close: () => this.#ports.delete(port)
      }
    }
  }

  /** A packet that nobody of us sends. */
  inject(packet: Packet, from = 'stranger'): void {
    for (const port of this.#ports) {
      if (port.node === from || this.#cut.has(`${from} ${port.node}`) || this.loses(from, port.node)) continue
      port.unread.push({ ...packet, payload: Buffer.from(packet.payload), receivedAtMs: port.clock.now() })
      port.clock.input('vrrp', () => this.#read(port))
    }
  }

  #read(port: Port): void {
    const packet = port.unread.shift()
    if (packet !== undefined && this.#ports.has(port)) port.handlers.onPacket(packet)
  }

  /** Priorities that a node has sent, with their moments. */
  adverts(from: string): { at: number; priority: number }[] {
    return this.sent.filter((one) => one.from === from).map(({ at, payload }) => ({ at, priority: payload[2] ?? -1 }))
  }
}

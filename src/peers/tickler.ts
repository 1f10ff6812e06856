import type { Clock, Timer } from '../base/clock.js'
import { messageOf } from '../base/errors.js'
import { parseHostPort } from '../base/ip.js'
import type { Log } from '../base/log.js'
import { Throttle } from '../base/throttle.js'
import { type Clients, endpointBytes } from './message.js'
import { endpointsOf, tickle } from './tickle.js'

export interface TicklerPorts {
  readonly clock: Clock
  readonly log: Log
  /** Sends whole IP packets. @returns how many the kernel took */
  readonly send: (packets: readonly Uint8Array[]) => number
}

/** So that those who come back do not come all at once: 5,000 in a second. */
const CHUNK = 50
const PAUSE_MS = 10
/** The second word, for those whom the first did not find: a switch may learn late where the address is now. */
const AGAIN_MS = 1000

/** Tells the clients of another node that their connections are gone with it. */
export class Tickler {
  readonly #ports: TicklerPorts
  readonly #throttle: Throttle
  readonly #timers = new Set<Timer>()
  /** Packets that left. */
  sent = 0

  constructor(ports: TicklerPorts) {
    this.#ports = ports
    this.#throttle = new Throttle(ports.clock)
  }

  /** Twice each, at a bounded rate. */
  tell(clients: readonly Clients[]): void {
    const count = clients.reduce((sum, one) => sum + one.endpoints.length / endpointBytes(one.listener), 0)
    if (count === 0) return
    this.#ports.log.info({ clients: count }, 'telling clients that their connections are gone')
    this.#run(packetsOf(clients))
    this.#after(AGAIN_MS, () => this.#run(packetsOf(clients)))
  }

  stop(): void {
    for (const timer of this.#timers) timer.cancel()
    this.#timers.clear()
  }

  #run(packets: Iterator<Uint8Array>): void {
    const chunk: Uint8Array[] = []
    for (let next = packets.next(); !next.done; next = packets.next()) {
      chunk.push(next.value)
      if (chunk.length === CHUNK) break
    }
    if (chunk.length === 0) return
    try {
      this.sent += this.#ports.send(chunk)
    } catch (error) {
      if (this.#throttle.pass('send') !== undefined)
        this.#ports.log.warn({ error: messageOf(error) }, 'clients cannot be told that their connections are gone')
      return
    }
    if (chunk.length === CHUNK) this.#after(PAUSE_MS, () => this.#run(packets))
  }

  #after(delayMs: number, run: () => void): void {
    const timer = this.#ports.clock.after(delayMs, () => {
      this.#timers.delete(timer)
      run()
    })
    this.#timers.add(timer)
  }
}

function* packetsOf(clients: readonly Clients[]): Generator<Uint8Array> {
  for (const one of clients) {
    const from = parseHostPort(one.listener)
    if (from === undefined) continue
    for (const endpoint of endpointsOf(one)) yield tickle(from, endpoint)
  }
}

import { createConnection } from 'node:net'
import { connect, type TLSSocket } from 'node:tls'
import type { Clock, Timer } from '../base/clock.js'
import { messageOf } from '../base/errors.js'
import { formatHostPort, type HostPort } from '../base/ip.js'
import { encodeMessage, type Message, PROTOCOL } from './message.js'
import { SECURE } from './secure.js'

export interface LinkPorts {
  readonly clock: Clock
  readonly version: string
  /** The way there is open, or open no more. */
  readonly onChange: () => void
}

/** Both ends of the way to one peer, and what opens it. */
export interface LinkSetup {
  readonly own: HostPort
  readonly peer: HostPort
  readonly key: Uint8Array
}

const CONNECT_MS = 3000
const RETRY_MS = 1000
/** What a peer has not read yet; more is not sent to it: what follows is newer. */
const MAX_UNREAD_BYTES = 4 << 20

/** The way to one peer: what is said goes there while it is open, and is forgotten while it is not. */
export class Link {
  readonly #ports: LinkPorts
  readonly #setup: LinkSetup
  #socket: TLSSocket | undefined
  #isOpen = false
  #openedAt = 0
  #timer: Timer | undefined
  #error: string | null = null
  #isClosed = false

  constructor(setup: LinkSetup, ports: LinkPorts) {
    this.#setup = setup
    this.#ports = ports
    this.#begin()
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  /** It seems open, and the peer was not heard in this long: what is sent there may go nowhere for minutes. */
  doubt(heardAt: number, silenceMs: number): void {
    const since = Math.max(heardAt, this.#openedAt)
    if (this.#isOpen && this.#ports.clock.now() - since > silenceMs) this.#socket?.destroy(new Error('it is silent'))
  }

  /** Why it is not open, as a sentence; null: it is, or nothing is known yet. */
  get error(): string | null {
    return this.#isOpen ? null : this.#error
  }

  /** @returns false: it could not be sent, and will not be */
  send(message: Message): boolean {
    const socket = this.#socket
    if (socket === undefined || !this.#isOpen || socket.writableLength > MAX_UNREAD_BYTES) return false
    socket.write(encodeMessage(message))
    return true
  }

  close(): void {
    this.#isClosed = true
    this.#timer?.cancel()
    this.#socket?.destroy()
  }

  #begin(): void {
    const { own, peer, key } = this.#setup
    const { clock, version, onChange } = this.#ports
    const socket = connect({
      ...SECURE,
      // The peer knows this node by where it comes from.
      socket: createConnection({ host: peer.host, port: peer.port, localAddress: own.host }),
      pskCallback: () => ({ psk: key, identity: formatHostPort(own) }),
      // There are no certificates: the key has proved who is there.
      checkServerIdentity: () => undefined
    })
    this.#socket = socket
    const late = clock.after(CONNECT_MS, () => socket.destroy(new Error('it does not answer')))
    socket.once('secureConnect', () => {
      late.cancel()
      this.#isOpen = true
      this.#error = null
      this.#openedAt = clock.now()
      this.send({ type: 'hello', protocol: PROTOCOL, version })
      onChange()
    })
    socket.on('error', (error) => {
      this.#error = sentenceOf(error)
    })
    // What a peer says here is nothing that is listened to.
    socket.resume()
    socket.once('close', () => {
      late.cancel()
      const wasOpen = this.#isOpen
      this.#isOpen = false
      if (this.#isClosed) return
      if (wasOpen) this.#error ??= 'it closed the connection'
      this.#timer = clock.after(RETRY_MS, () => this.#begin())
      onChange()
    })
  }
}

/** OpenSSL's words for a key that is not the peer's, and the rest as it is. */
function sentenceOf(error: Error): string {
  const text = messageOf(error)
  return /decrypt.error|bad.record.mac|handshake.failure|unknown.psk/i.test(text)
    ? 'its key is another one: every node has the same'
    : text
}

import type { Socket } from 'node:net'
import { createServer, type Server, type TLSSocket } from 'node:tls'
import { errnoOf, messageOf } from '../base/errors.js'
import { formatHostPort, type HostPort } from '../base/ip.js'
import { Lines } from './lines.js'
import { decodeMessage, MAX_MESSAGE_BYTES, type Message, PROTOCOL } from './message.js'
import { SECURE } from './secure.js'

/** Why somebody was not listened to. */
export const REFUSALS = ['stranger', 'key', 'silent', 'protocol', 'malformed', 'truncated'] as const
export type Refusal = (typeof REFUSALS)[number]

export interface DoorSetup {
  readonly own: HostPort
  readonly peers: readonly HostPort[]
  readonly key: Uint8Array
}

export interface DoorPorts {
  /** @param peer as the configuration has it, `ADDRESS:PORT` */
  readonly onMessage: (peer: string, message: Message) => void
  readonly onRefused: (why: Refusal, from: string, detail: string) => void
  /** It could not be opened, or is open after all (null). */
  readonly onState: (error: string | null) => void
}

const HANDSHAKE_MS = 3000
const SILENCE_MS = 30_000
/** One from each peer, and as many again while the old ones are not gone yet. */
const CONNECTIONS_EACH = 2

/** Where the other nodes come in. Only they, only with the key, and only with whole messages. */
export class Door {
  readonly #setup: DoorSetup
  readonly #ports: DoorPorts
  readonly #server: Server
  readonly #open = new Map<string, TLSSocket>()
  /** Whom each says to be, and has proved to be by the key. */
  readonly #claims = new WeakMap<TLSSocket, HostPort>()

  constructor(setup: DoorSetup, ports: DoorPorts) {
    this.#setup = setup
    this.#ports = ports
    this.#server = createServer(
      {
        ...SECURE,
        handshakeTimeout: HANDSHAKE_MS,
        pskCallback: (socket, identity) => this.#keyFor(socket, identity)
      },
      (socket) => this.#listen(socket)
    )
    this.#server.maxConnections = setup.peers.length * CONNECTIONS_EACH
    this.#server.on('connection', (socket: Socket) => this.#look(socket))
    this.#server.on('tlsClientError', (error, socket) => {
      // Node closes it after an error, but not when the handshake took too long.
      socket.destroy()
      // Who hangs up before it has said anything has proved nothing either way.
      if (errnoOf(error) === 'ECONNRESET') return
      const isSilent = errnoOf(error) === 'ERR_TLS_HANDSHAKE_TIMEOUT'
      ports.onRefused(isSilent ? 'silent' : 'key', socket.remoteAddress ?? '?', messageOf(error))
    })
    this.#server.on('error', (error) => ports.onState(messageOf(error)))
    this.#server.on('listening', () => ports.onState(null))
    this.open()
  }

  /** Tries to listen, unless it does. */
  open(): void {
    if (this.#server.listening) return
    const { host, port } = this.#setup.own
    this.#server.listen({ host, port })
  }

  close(): void {
    this.#server.close()
    for (const socket of this.#open.values()) socket.destroy()
  }

  /** Before anything costs anything. */
  #look(socket: Socket): void {
    const from = socket.remoteAddress ?? ''
    if (this.#setup.peers.some(({ host }) => host === from)) return
    this.#ports.onRefused('stranger', from, 'no peer has this address')
    socket.destroy()
  }

  /** An identity that is no peer's at this address has no key, and fails as a wrong key does. */
  #keyFor(socket: TLSSocket, identity: string): Uint8Array | null {
    const peer = this.#setup.peers.find((one) => formatHostPort(one) === identity)
    if (peer === undefined || peer.host !== socket.remoteAddress) return null
    this.#claims.set(socket, peer)
    return this.#setup.key
  }

  #listen(socket: TLSSocket): void {
    const from = socket.remoteAddress ?? ''
    socket.setTimeout(SILENCE_MS, () => socket.destroy())
    socket.on('error', () => {
      // It is closed next, which says it all.
    })
    const lines = new Lines(MAX_MESSAGE_BYTES)
    let peer: string | undefined
    let isRefused = false
    const refuse = (why: Refusal, detail: string): void => {
      isRefused = true
      this.#ports.onRefused(why, from, detail)
      socket.destroy()
    }
    socket.on('data', (piece: Buffer) => {
      const ended = lines.push(piece)
      if (ended === undefined) return refuse('malformed', `a message of more than ${MAX_MESSAGE_BYTES} bytes`)
      for (const line of ended) {
        if (socket.destroyed) return
        const message = decodeMessage(line)
        if (message === undefined) return refuse('malformed', 'a message that cannot be read')
        if (message.type === 'hello') {
          if (message.protocol !== PROTOCOL)
            return refuse('protocol', `protocol ${message.protocol}, and ours is ${PROTOCOL}`)
          peer = this.#admit(socket)
        } else if (peer === undefined) return refuse('malformed', 'something else before hello')
        if (peer !== undefined) this.#ports.onMessage(peer, message)
      }
    })
    socket.once('close', () => {
      if (lines.isInside && !isRefused)
        this.#ports.onRefused('truncated', from, 'the connection ended inside a message')
      if (peer !== undefined && this.#open.get(peer) === socket) this.#open.delete(peer)
    })
  }

  /** The newest connection of a peer is the one that counts: an older one may be of a process that is gone. */
  #admit(socket: TLSSocket): string | undefined {
    const claim = this.#claims.get(socket)
    if (claim === undefined) return undefined
    const peer = formatHostPort(claim)
    this.#open.get(peer)?.destroy()
    this.#open.set(peer, socket)
    return peer
  }
}

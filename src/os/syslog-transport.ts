import { createSocket, type Socket } from 'node:dgram'
import { errnoOf, messageOf } from '../base/errors.js'
import type { Addon } from './addon.js'

/** 'taken': its end is told to `onEnd`; 'later': ask again when told; else why it cannot be sent now. */
export type Sending = 'taken' | 'later' | { readonly error: string }

/** The way to one syslog target. Nothing here blocks or throws. */
export interface SyslogTransport {
  send(message: Buffer): Sending
  close(): void
}

export interface TransportHandlers {
  /** A message that was taken has left (null), or is lost. */
  readonly onEnd: (error: string | null) => void
  /** One that was told to have left is lost all the same: nobody listens there. */
  readonly onLost: (error: string) => void
  /** After 'later': now it can be asked again. */
  readonly onReady: () => void
  /** The way is closed; the next `send` opens it again. */
  readonly onBroken: (error: string) => void
}

/** Sends to a unix datagram socket, like /dev/log. A reader that is behind answers by EAGAIN. */
export function unixTransport(
  addon: Pick<Addon, 'unixDgramSend'>,
  path: string,
  { onEnd }: Pick<TransportHandlers, 'onEnd'>
): SyslogTransport {
  return {
    send(message) {
      try {
        addon.unixDgramSend(path, message)
      } catch (error) {
        return { error: errnoOf(error) || messageOf(error) }
      }
      onEnd(null)
      return 'taken'
    },
    close: () => undefined
  }
}

/** Datagrams that the kernel has not taken yet. */
const MAX_IN_FLIGHT = 64

/**
 * One connected UDP socket, opened when it is needed: so the kernel tells when nobody listens (ECONNREFUSED). Any other
 * error closes it, since the address that it sends from may be gone.
 */
export class UdpTransport implements SyslogTransport {
  readonly #to: { readonly host: string; readonly family: 4 | 6; readonly port: number }
  readonly #on: TransportHandlers
  #socket: Socket | undefined
  #isConnected = false
  #inFlight = 0

  constructor(to: { readonly host: string; readonly family: 4 | 6; readonly port: number }, on: TransportHandlers) {
    this.#to = to
    this.#on = on
  }

  send(message: Buffer): Sending {
    const socket = this.#socket ?? this.#open()
    if (socket === undefined) return { error: 'no socket is to be had' }
    if (!this.#isConnected || this.#inFlight >= MAX_IN_FLIGHT) return 'later'
    this.#inFlight++
    socket.send(message, (error) => {
      this.#inFlight--
      this.#on.onEnd(error === null ? null : errnoOf(error) || error.message)
      if (error !== null && errnoOf(error) !== 'ECONNREFUSED') this.#break(socket, error)
      else if (socket === this.#socket) this.#on.onReady()
    })
    return 'taken'
  }

  close(): void {
    const socket = this.#socket
    this.#socket = undefined
    this.#isConnected = false
    if (socket === undefined) return
    // What is still to come of it is nobody's business.
    socket.removeAllListeners('error').on('error', () => undefined)
    socket.close()
  }

  #open(): Socket | undefined {
    try {
      const socket = createSocket({ type: this.#to.family === 6 ? 'udp6' : 'udp4' })
      this.#socket = socket
      socket.unref()
      socket.on('message', () => undefined)
      socket.on('error', (error) => {
        if (errnoOf(error) === 'ECONNREFUSED' && this.#isConnected) this.#on.onLost('ECONNREFUSED')
        else this.#break(socket, error)
      })
      socket.once('connect', () => {
        if (socket !== this.#socket) return
        this.#isConnected = true
        this.#on.onReady()
      })
      socket.connect(this.#to.port, this.#to.host)
      return socket
    } catch {
      // EMFILE, for one.
      this.close()
      return undefined
    }
  }

  #break(socket: Socket, error: unknown): void {
    if (socket !== this.#socket) return
    this.close()
    this.#on.onBroken(errnoOf(error) || messageOf(error))
  }
}

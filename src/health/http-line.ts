import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls, type SecureContext, type TLSSocket } from 'node:tls'
import { type Reading, ResponseReader } from './http-response.js'

export interface LineTarget {
  readonly host: string
  readonly port: number
  /** Whether the connection begins with a PROXY header that says nothing of a client. */
  readonly sendProxy: boolean
  readonly tls: {
    readonly context: SecureContext
    /** Name that is asked for and must be in the certificate; null: the address must be. */
    readonly servername: string | null
    readonly verify: boolean
  } | null
}

export interface LineListener {
  /** Something has been read; again until it is done or bad. */
  readonly onReading: (reading: Reading, reader: ResponseReader) => void
  /** It ended before an answer began. @param error what the system or TLS said; null: it was just closed */
  readonly onLost: (phase: LinePhase, error: Error | null) => void
}

/** What a connection is waiting for. */
export type LinePhase = 'connect' | 'handshake' | 'answer'

/** The PROXY protocol, version 1: a connection that is made on nobody's behalf. */
const PROXY_HEADER = 'PROXY UNKNOWN\r\n'

/** One connection to an HTTP server: one question at a time, and between two of them nothing may come. */
export class HttpLine {
  readonly #target: LineTarget
  readonly #raw: Socket
  #secure: TLSSocket | undefined
  #phase: LinePhase = 'connect'
  #request = ''
  #reader: ResponseReader | undefined
  #listener: LineListener | undefined
  #isClosed = false

  constructor(target: LineTarget) {
    this.#target = target
    const { host, port } = target
    this.#raw = connectTcp({ host, port, noDelay: true, autoSelectFamily: false })
    this.#raw.once('connect', () => this.#onConnect())
    // Once TLS is on it, TLS tells what becomes of it, and knows better why.
    this.#raw.on('error', (error) => this.#secure ?? this.#onLost(error))
    this.#raw.once('close', () => this.#secure ?? this.#onLost(null))
  }

  get phase(): LinePhase {
    return this.#phase
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** It waits for nothing. */
  get isIdle(): boolean {
    return !this.#isClosed && this.#listener === undefined
  }

  ask(request: string, isHead: boolean, listener: LineListener): void {
    this.#reader = new ResponseReader(isHead)
    this.#listener = listener
    this.#request = request
    if (this.#phase === 'answer') this.#write()
  }

  close(): void {
    this.#isClosed = true
    this.#listener = undefined
    this.#reader = undefined
    this.#secure?.destroy()
    this.#raw.destroy()
  }

  #onConnect(): void {
    if (this.#isClosed) return
    const { host, tls, sendProxy } = this.#target
    if (sendProxy) this.#raw.write(PROXY_HEADER)
    if (tls === null) {
      this.#open(this.#raw)
      return
    }
    this.#phase = 'handshake'
    const secure = connectTls({
      socket: this.#raw,
      host: tls.servername ?? host,
      // An address is no name to ask for (RFC 6066 §3).
      servername: tls.servername ?? '',
      secureContext: tls.context,
      rejectUnauthorized: tls.verify,
      ALPNProtocols: ['http/1.1']
    })
    this.#secure = secure
    secure.on('error', (error) => this.#onLost(error))
    secure.once('close', () => this.#onLost(null))
    secure.once('secureConnect', () => this.#open(secure))
  }

  #open(socket: Socket): void {
    if (this.#isClosed) return
    this.#phase = 'answer'
    socket.on('data', (chunk: Buffer) => this.#onData(chunk))
    socket.once('end', () => this.#onEnd())
    this.#write()
  }

  #write(): void {
    const socket = this.#secure ?? this.#raw
    if (this.#request !== '') socket.write(this.#request)
    this.#request = ''
  }

  #onData(chunk: Buffer): void {
    const reader = this.#reader
    // Nobody asked: what comes next could not be told from an answer.
    if (reader === undefined || this.#listener === undefined) this.close()
    else this.#tell(reader.feed(chunk), reader)
  }

  #onEnd(): void {
    const reader = this.#reader
    if (reader === undefined || this.#listener === undefined || reader.isUntouched) this.#onLost(null)
    else this.#tell(reader.end(), reader)
  }

  #onLost(error: Error | null): void {
    if (this.#isClosed) return
    const listener = this.#listener
    const reader = this.#reader
    this.close()
    if (listener === undefined) return
    if (reader === undefined || reader.isUntouched) listener.onLost(this.#phase, error)
    else listener.onReading(reader.end(), reader)
  }

  #tell(reading: Reading, reader: ResponseReader): void {
    const listener = this.#listener
    switch (reading.state) {
      case 'head':
        return
      case 'body':
        listener?.onReading(reading, reader)
        if (reader.isFull) this.close()
        return
      case 'bad':
        this.close()
        listener?.onReading(reading, reader)
        return
      case 'done':
        if (reading.mayKeep) {
          this.#listener = undefined
          this.#reader = undefined
        } else this.close()
        listener?.onReading(reading, reader)
        return
    }
  }
}

import type { Clock, Timer } from '../base/clock.js'
import { type SyslogEntry, type SyslogHead, syslogMessage } from '../base/syslog-message.js'
import type { LogSink } from '../base/tee.js'
import { Throttle } from '../base/throttle.js'
import type { Addon } from './addon.js'
import { type SyslogTransport, type TransportHandlers, UdpTransport, unixTransport } from './syslog-transport.js'

export interface SyslogSettings {
  readonly target:
    | { readonly kind: 'udp'; readonly host: string; readonly family: 4 | 6; readonly port: number }
    | { readonly kind: 'unix'; readonly path: string }
  /** 0 to 23. */
  readonly facility: number
  /** 0 to 7: nothing less grave is sent. */
  readonly level: number
  readonly format: 'rfc3164' | 'rfc5424'
  readonly tag: string
}

/** What became of the messages to a target. Field names are API. */
export interface SyslogStatus {
  readonly target: string
  readonly sent: number
  readonly waiting: number
  /** Lost: the oldest of too many that waited, and what the target's host refused. */
  readonly dropped: number
  /** Why the last one could not be sent; null once one could. */
  readonly error: string | null
}

export interface SyslogPorts {
  readonly addon: Pick<Addon, 'unixDgramSend'>
  readonly clock: Clock
  readonly hostname: string
  readonly pid: number
  /** It takes no messages: told at once, then at most once a minute. */
  readonly onTrouble: (status: SyslogStatus) => void
}

/** Messages that wait for the target at most; then the oldest goes. */
const MAX_WAITING = 1024
/** A reader that is behind is tried again this soon, one that is not there this late. */
const BEHIND_MS = 20
const GONE_MS = 1000

/**
 * One syslog target: a UDP receiver, or a unix datagram socket. Never blocks, never throws. Messages for a target that
 * is away for a while wait for it; beyond the bound they are dropped and counted.
 */
export class Syslog implements LogSink {
  readonly level: number
  readonly #name: string
  readonly #head: SyslogHead
  readonly #ports: SyslogPorts
  readonly #transport: SyslogTransport
  readonly #throttle: Throttle
  #waiting: Buffer[] = []
  #retry: Timer | undefined
  #sent = 0
  #dropped = 0
  #error: string | null = null
  #isClosed = false
  #isPumping = false

  constructor(settings: SyslogSettings, ports: SyslogPorts) {
    const { facility, format, tag, target } = settings
    this.level = settings.level
    this.#name = nameOf(target)
    // Whoever reads /dev/log would take a host name for the tag.
    const hostname = target.kind === 'unix' && format === 'rfc3164' ? '' : ports.hostname
    this.#head = { facility, format, tag, pid: ports.pid, hostname }
    this.#ports = ports
    this.#throttle = new Throttle(ports.clock)
    const handlers: TransportHandlers = {
      onEnd: (error) => this.#onEnd(error),
      onLost: (error) => {
        this.#sent--
        this.#lose(error)
      },
      onReady: () => this.#pump(),
      onBroken: (error) => this.#wait(error)
    }
    this.#transport =
      target.kind === 'unix' ? unixTransport(ports.addon, target.path, handlers) : new UdpTransport(target, handlers)
  }

  get status(): SyslogStatus {
    const [target, waiting] = [this.#name, this.#waiting.length]
    return { target, sent: this.#sent, waiting, dropped: this.#dropped, error: this.#error }
  }

  write(entry: SyslogEntry): void {
    if (this.#isClosed) return
    this.#waiting.push(syslogMessage(this.#head, entry))
    this.#pump()
    if (this.#waiting.length <= MAX_WAITING) return
    this.#waiting.shift()
    this.#lose(this.#error ?? 'it takes messages too slowly')
  }

  /** Nothing is sent from now on; what waits is dropped. */
  close(): void {
    this.#isClosed = true
    this.#dropped += this.#waiting.length
    this.#waiting = []
    this.#retry?.cancel()
    this.#transport.close()
  }

  #pump(): void {
    // A message that leaves at once tells so while it is being sent.
    if (this.#isPumping || this.#isClosed || this.#retry !== undefined) return
    this.#isPumping = true
    for (let message = this.#waiting[0]; message !== undefined; message = this.#waiting[0]) {
      const sending = this.#transport.send(message)
      if (sending === 'later') break
      if (sending !== 'taken') {
        this.#wait(sending.error)
        break
      }
      this.#waiting.shift()
    }
    this.#isPumping = false
  }

  #onEnd(error: string | null): void {
    if (error !== null) {
      this.#lose(error)
      return
    }
    this.#sent++
    this.#error = null
  }

  #lose(error: string): void {
    this.#dropped++
    this.#trouble(error)
  }

  /** Whoever is only behind is not told of. */
  #wait(error: string): void {
    const isBehind = error === 'EAGAIN' || error === 'ENOBUFS'
    this.#retry ??= this.#ports.clock.after(isBehind ? BEHIND_MS : GONE_MS, () => {
      this.#retry = undefined
      this.#pump()
    })
    if (!isBehind) this.#trouble(error)
  }

  #trouble(error: string): void {
    this.#error = error
    if (this.#throttle.pass('') !== undefined) this.#ports.onTrouble(this.status)
  }
}

function nameOf(target: SyslogSettings['target']): string {
  if (target.kind === 'unix') return target.path
  return target.family === 6 ? `[${target.host}]:${target.port}` : `${target.host}:${target.port}`
}

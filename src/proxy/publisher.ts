import { type Bind, formatBind, listensOn } from '../base/bind.js'
import type { Clock, Timer } from '../base/clock.js'
import { errnoOf, messageOf } from '../base/errors.js'
import type { ListenerEntry, NativeDataPlane } from '../os/plane.js'
import type { Listeners } from './listeners.js'
import type { TableBody } from './table.js'

/** A listener that could not be bound is tried again this often. */
const RETRY_MS = 1000
/** Where it moves from one service to another, the old one closes a moment later: so often, and so soon one after the other. */
const HANDOVER_TRIES = 10
const HANDOVER_MS = 50

export interface PublisherPorts {
  readonly clock: Clock
  readonly plane: Pick<NativeDataPlane, 'publish' | 'withdraw'>
  /** Whether or why it cannot listen has changed. */
  readonly onFault: () => void
}

/**
 * Puts a service's table in force. Where a new listener cannot be bound, the old ones stay, with everything else as it
 * is now; the new one is tried again until it can be.
 */
export class Publisher {
  readonly #ports: PublisherPorts
  #body: TableBody | undefined
  #binds: readonly Bind[] = []
  #listeners: Listeners = { ok: true, entries: [] }
  #inForce: { readonly binds: readonly Bind[]; readonly entries: readonly ListenerEntry[] } | undefined
  #fault: string | undefined = 'not started'
  /** Tries left in which the other service may still close its listener: until then nothing is said. */
  #patience = 0
  #isBodyInForce = false
  #retry: Timer | undefined
  #isStopped = false

  constructor(ports: PublisherPorts) {
    this.#ports = ports
  }

  /** Why it does not listen where it should; undefined when it does. */
  get fault(): string | undefined {
    return this.#fault
  }

  /** It listens somewhere, if not everywhere. */
  get isListening(): boolean {
    return this.#inForce !== undefined
  }

  /** Whether it should listen, or does, where clients of these addresses come. */
  concerns(addresses: ReadonlySet<string>): boolean {
    return [...this.#binds, ...(this.#inForce?.binds ?? [])].some((bind) => listensOn(bind, addresses))
  }

  /** Why clients of these addresses are not served; undefined when they are. */
  faultOn(addresses: ReadonlySet<string>): string | undefined {
    const isServed = this.#inForce?.binds.some((bind) => listensOn(bind, addresses)) ?? false
    return isServed || this.#patience > 0 ? undefined : this.#fault
  }

  /**
   * Where it is to listen from now on; takes effect with the next `publish`.
   * @param isHandover another service listens there, and has been told to stop
   */
  place(binds: readonly Bind[], listeners: Listeners, isHandover: boolean): void {
    this.#binds = binds
    this.#listeners = listeners
    this.#patience = isHandover ? HANDOVER_TRIES : 0
  }

  publish(body: TableBody): void {
    this.#body = body
    this.#isBodyInForce = false
    this.#try()
  }

  /** Another process has the listeners. */
  leave(): void {
    this.#isStopped = true
    this.#retry?.cancel()
  }

  /** Closes the listeners; `closeSessions`: and resets what is connected. */
  stop(service: number, closeSessions: boolean): void {
    this.#isStopped = true
    this.#retry?.cancel()
    this.#ports.plane.withdraw(service, closeSessions)
  }

  #try(): void {
    if (this.#isStopped || this.#body === undefined) return
    this.#retry?.cancel()
    const fault = this.#listeners.ok ? this.#bind(this.#body, this.#listeners.entries) : this.#listeners.problem
    if (fault !== undefined) this.#standFast(this.#body)
    if (fault !== undefined && this.#patience > 0) {
      this.#patience--
      this.#retry = this.#ports.clock.after(HANDOVER_MS, () => this.#try())
      if (this.#patience > 0) return
    } else if (fault !== undefined) {
      this.#retry = this.#ports.clock.after(RETRY_MS, () => this.#try())
    }
    this.#patience = 0
    if (fault === this.#fault) return
    this.#fault = fault
    this.#ports.onFault()
  }

  /** @returns why it could not be done: then nothing has changed */
  #bind(body: TableBody, entries: readonly ListenerEntry[]): string | undefined {
    try {
      this.#ports.plane.publish({ ...body, listeners: entries })
      this.#inForce = { binds: this.#binds, entries }
      this.#isBodyInForce = true
      return undefined
    } catch (error) {
      return bindFault(this.#binds, error)
    }
  }

  /** Everything but the listeners is put in force, once. */
  #standFast(body: TableBody): void {
    if (this.#inForce === undefined || this.#isBodyInForce) return
    try {
      this.#ports.plane.publish({ ...body, listeners: this.#inForce.entries })
      this.#isBodyInForce = true
    } catch {
      // The fault that is told already says what is wrong; the next try puts all of it in force.
    }
  }
}

function bindFault(all: readonly Bind[], error: unknown): string {
  const binds = all.map(formatBind).join(', ')
  switch (errnoOf(error)) {
    case 'EADDRINUSE':
      return `cannot listen on ${binds}: another program listens there (ss -ltnp shows which)`
    case 'EACCES':
      return `cannot listen on ${binds}: ports below 1024 need CAP_NET_BIND_SERVICE`
    case 'EBADF':
    case 'ENOTSOCK':
      return `cannot listen on ${binds}: no such socket was handed over`
    default:
      return `cannot listen on ${binds}: ${messageOf(error)}`
  }
}

import type { Addon } from './addon.js'

/** Talks to the service manager where there is one (sd_notify, `Type=notify`); elsewhere does nothing. Never throws. */
export class Systemd {
  readonly #addon: Pick<Addon, 'unixDgramSend'>
  readonly #socket: string | undefined
  /** How often the watchdog wants to hear from us at the most, in milliseconds; undefined when it is off. */
  readonly watchdogMs: number | undefined
  /** What a process that takes over is given, to talk to the manager in our place. */
  readonly environment: NodeJS.ProcessEnv

  constructor(addon: Pick<Addon, 'unixDgramSend'>, environment: NodeJS.ProcessEnv) {
    this.#addon = addon
    this.#socket = environment['NOTIFY_SOCKET']
    const usec = Number(environment['WATCHDOG_USEC'] ?? 0)
    const pid = environment['WATCHDOG_PID']
    const { NOTIFY_SOCKET, WATCHDOG_USEC } = environment
    // Without WATCHDOG_PID it is for whoever has it.
    this.environment = { NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID: undefined }
    const isOurs = pid === undefined || Number(pid) === process.pid
    this.watchdogMs = isOurs && usec > 0 ? usec / 1000 : undefined
  }

  ready(status: string): void {
    this.#send(`READY=1\nSTATUS=${status}`)
  }

  status(status: string): void {
    this.#send(`STATUS=${status}`)
  }

  stopping(): void {
    this.#send('STOPPING=1\nSTATUS=handing over and draining')
  }

  /** Another process of ours is the service from now on. Before it says that it is ready. */
  successor(pid: number): void {
    this.#send(`MAINPID=${pid}\nSTATUS=handed over to process ${pid}`)
  }

  watchdog(): void {
    this.#send('WATCHDOG=1')
  }

  #send(message: string): void {
    if (this.#socket === undefined || this.#socket === '') return
    try {
      this.#addon.unixDgramSend(this.#socket, Buffer.from(message))
    } catch {
      // The manager is gone or its queue is full: the next message tells the same state.
    }
  }
}

/** The first socket that is handed over. */
const FIRST_FD = 3
/** More than these are no sockets of ours. */
const MOST_SOCKETS = 65_536

/**
 * The listening sockets that the service manager handed over (socket activation), by their names: FileDescriptorName=
 * of the .socket unit, else the unit's own name. Several sockets may have one name. None when they are another's.
 */
export function inheritedSockets(
  environment: Readonly<Record<string, string | undefined>>,
  pid: number
): ReadonlyMap<string, readonly number[]> {
  const sockets = new Map<string, readonly number[]>()
  const count = Number(environment['LISTEN_FDS'] ?? 0)
  if (environment['LISTEN_PID'] !== String(pid) || !(count > 0 && count <= MOST_SOCKETS)) return sockets
  const names = (environment['LISTEN_FDNAMES'] ?? '').split(':')
  for (let i = 0; i < count; i++) {
    const name = names[i] || 'unknown'
    sockets.set(name, [...(sockets.get(name) ?? []), FIRST_FD + i])
  }
  return sockets
}

import type { GlobalConfig } from '../config/global-schema.js'
import { type NotifyCounters, noNotifyCounters } from './counters.js'
import { Fifo, type FifoPorts } from './fifo.js'
import { Mailer, type MailPorts } from './mail.js'
import { type ScriptPorts, Scripts } from './scripts.js'
import { commandsOf, fifoLine, type Notify, priorityLine, type Transition } from './transition.js'

export type NotifierPorts = ScriptPorts & FifoPorts & MailPorts

const STOP_MS = 2000

/** Tells the world of transitions, by FIFO, script and mail, as keepalived does. It never delays whom it hears it from. */
export class Notifier {
  readonly counters: Readonly<NotifyCounters>
  readonly #counters = noNotifyCounters()
  readonly #ports: NotifierPorts
  readonly #scripts: Scripts
  readonly #mailer: Mailer
  readonly #fifos = new Map<string, Fifo>()
  /** FIFOs that a reload took away and that are being closed, by path. */
  readonly #closing = new Map<string, Promise<void>>()
  #global: GlobalConfig
  #stopped: Promise<void> | undefined

  /** @param settings.node the host's name */
  constructor(settings: { readonly global: GlobalConfig; readonly node: string }, ports: NotifierPorts) {
    this.counters = this.#counters
    this.#ports = ports
    this.#global = settings.global
    this.#scripts = new Scripts(ports, this.#counters)
    this.#mailer = new Mailer(settings.global, settings.node, ports, this.#counters)
    this.#openFifos()
  }

  /** What an instance or a group went through, and how it wants that to be told. */
  tell(transition: Transition, notify: Notify): void {
    if (this.#stopped !== undefined) return
    for (const fifo of this.#fifos.values()) fifo.write(fifoLine(transition))
    const isStop = transition.to === 'STOP'
    this.#scripts.add(`${transition.kind} ${transition.name}`, commandsOf(transition, notify), isStop)
    if (notify.smtpAlert ?? this.#global.mail.alert) this.#mailer.add(transition)
  }

  /** An instance's effective priority changed: a line for the FIFOs where it is asked for, in MASTER and BACKUP alone. */
  priorityChanged(name: string, state: string, priority: number): void {
    if (this.#stopped !== undefined || !this.#global.fifoPriorityChanges) return
    if (state !== 'MASTER' && state !== 'BACKUP') return
    for (const fifo of this.#fifos.values()) fifo.write(priorityLine(name, state, priority))
  }

  /** After a reload. FIFOs that stay are not touched, nor is what waits. */
  configure(global: GlobalConfig): void {
    if (this.#stopped !== undefined) return
    this.#global = global
    this.#mailer.configure(global)
    for (const [path, fifo] of this.#fifos) {
      if (global.fifos.includes(path)) continue
      this.#fifos.delete(path)
      const closing = fifo.close().then(() => {
        if (this.#closing.get(path) === closing) this.#closing.delete(path)
      })
      this.#closing.set(path, closing)
    }
    this.#openFifos()
  }

  /** After the last transitions to STOP were told. Resolves when all is told, after 2 s in any case. Never rejects. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #stop(): Promise<void> {
    const fifos = [...this.#fifos.values()].map((fifo) => fifo.close())
    const parts = [this.#scripts.stop(), this.#mailer.stop(), ...fifos, ...this.#closing.values()]
    await new Promise<void>((resolve) => {
      const timer = this.#ports.clock.after(STOP_MS, resolve)
      void Promise.allSettled(parts).then(() => {
        timer.cancel()
        resolve()
      })
    })
    this.#mailer.abandon()
  }

  #openFifos(): void {
    for (const path of this.#global.fifos) {
      if (this.#fifos.has(path)) continue
      this.#fifos.set(path, new Fifo(path, this.#ports, this.#counters, this.#closing.get(path)))
    }
  }
}

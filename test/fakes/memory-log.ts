import type { Log } from '../../src/base/log.js'

export interface Line {
  /** By the clock of the test, where it was given one. */
  readonly at: number
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'fatal'
  readonly message: string
  readonly facts: Readonly<Record<string, unknown>>
}

/** A log that is kept in memory, with the facts of its children on each line. */
export class MemoryLog implements Log {
  readonly lines: Line[]
  readonly #now: () => number
  readonly #facts: Record<string, unknown>

  constructor(now: () => number = () => 0, lines: Line[] = [], facts: Record<string, unknown> = {}) {
    this.#now = now
    this.lines = lines
    this.#facts = facts
  }

  debug = this.#write('debug')
  info = this.#write('info')
  warn = this.#write('warn')
  error = this.#write('error')
  fatal = this.#write('fatal')

  child(facts: Record<string, unknown>): Log {
    return new MemoryLog(this.#now, this.lines, { ...this.#facts, ...facts })
  }

  /** The lines with this message. */
  said(message: string): Line[] {
    return this.lines.filter((line) => line.message === message)
  }

  #write(level: Line['level']) {
    return (facts: object, message: string): void => {
      this.lines.push({ at: this.#now(), level, message, facts: { ...this.#facts, ...facts } })
    }
  }
}

import { pino } from 'pino'
import { entryOf, type LogSink, SEVERITY, tee } from './tee.js'

/** What the daemon writes its log to: object first, constant message second. */
export interface Log {
  debug(facts: object, message: string): void
  info(facts: object, message: string): void
  warn(facts: object, message: string): void
  error(facts: object, message: string): void
  fatal(facts: object, message: string): void
  /** The same log with these facts on every line. */
  child(facts: Record<string, unknown>): Log
}

/** The daemon's log, whole. */
export interface RootLog extends Log {
  /**
   * One of the many records of what has ended, at info. `line`: what syslog gets in place of facts and message.
   * Where the log is not read fast enough records go first: the other half of what may wait is for what matters.
   */
  record(facts: object, message: string, line: string | null): void
  /** Lines and records that were dropped because stdout was not read. */
  readonly dropped: number
  /** Resolves when all that was said is written; never, where nobody reads. */
  settled(): Promise<void>
  /** Sees the last line out of a process that ends at once. What is just being written may be there twice. */
  flush(): void
}

/** What waits to be written at most; beyond it lines are dropped. A reader that hangs must not hang an election. */
const MAX_UNWRITTEN_BYTES = 1 << 20

/** What one write takes at most: a busy main loop gets to the next one late. */
const MAX_WRITE_BYTES = 1 << 17

/**
 * JSON lines on stdout, names of levels, no host name: journald and people read it. Written behind the caller's back:
 * nothing here blocks. No secret is ever logged: configuration is not logged whole. Whatever has a fact `severity`, one
 * of SEVERITIES, goes to the sinks by that instead of its level.
 */
export function createLog(level: string, sinks: readonly LogSink[] = []): RootLog {
  const out = new Stdout()
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: ['auth_pass', 'authPass', '*.auth_pass', '*.authPass']
  }
  const root = pino(options, out)
  const log = sinks.length === 0 ? root : tee(root, sinks, {})
  const infoIsShown = root.isLevelEnabled('info')
  return {
    debug: log.debug.bind(log),
    info: log.info.bind(log),
    warn: log.warn.bind(log),
    error: log.error.bind(log),
    fatal: log.fatal.bind(log),
    child: (facts) => log.child(facts),
    record(facts, message, line) {
      for (const sink of sinks)
        if (sink.level >= SEVERITY.info) sink.write(entryOf(SEVERITY.info, facts, message, line))
      if (!infoIsShown) return
      if (out.isHalfFull) out.dropped++
      else root.info(facts, message)
    },
    get dropped() {
      return out.dropped
    },
    settled: () => out.settled(),
    flush: () => out.flushSync()
  }
}

/** Standard output, written in the background; what it does not take is counted. */
class Stdout {
  readonly #destination = pino.destination({
    fd: 1,
    sync: false,
    maxLength: MAX_UNWRITTEN_BYTES,
    maxWrite: MAX_WRITE_BYTES
  })
  #unwrittenBytes = 0
  #onSettled: (() => void) | undefined
  dropped = 0

  constructor() {
    // A reader that went away ends the log, not the daemon.
    this.#destination.on('error', () => undefined)
    this.#destination.on('write', (count: number) => {
      this.#unwrittenBytes -= count
      if (this.#unwrittenBytes <= 0) this.#onSettled?.()
    })
    this.#destination.on('drop', (line: string) => {
      this.#unwrittenBytes -= Buffer.byteLength(line)
      this.dropped++
    })
  }

  get isHalfFull(): boolean {
    return this.#unwrittenBytes > MAX_UNWRITTEN_BYTES / 2
  }

  write(line: string): void {
    this.#unwrittenBytes += Buffer.byteLength(line)
    this.#destination.write(line)
  }

  settled(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#unwrittenBytes <= 0) resolve()
      else this.#onSettled = resolve
    })
  }

  flushSync(): void {
    try {
      this.#destination.flushSync()
    } catch {
      // Nothing was written yet, or nobody reads any more.
    }
  }
}

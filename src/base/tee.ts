import type { Log } from './log.js'
import { SEVERITIES, type SyslogEntry } from './syslog-message.js'

/** Where lines go besides stdout. Returns at once, whatever happens. */
export interface LogSink {
  /** Position in SEVERITIES: nothing less grave is wanted. */
  readonly level: number
  write(entry: SyslogEntry): void
}

/** The log's levels as syslog's. */
export const SEVERITY = { debug: 7, info: 6, warn: 4, error: 3, fatal: 2 } as const

/** A log that says everything to the sinks too. */
export function tee(log: Log, sinks: readonly LogSink[], facts: Record<string, unknown>): Log {
  const both =
    (level: keyof typeof SEVERITY) =>
    (more: object, message: string): void => {
      log[level](more, message)
      const entry = entryOf(SEVERITY[level], { ...facts, ...more }, message, null)
      for (const sink of sinks) if (sink.level >= entry.severity) sink.write(entry)
    }
  return {
    debug: both('debug'),
    info: both('info'),
    warn: both('warn'),
    error: both('error'),
    fatal: both('fatal'),
    child: (more) => tee(log.child(more), sinks, { ...facts, ...more })
  }
}

/** A line as the sinks get it: by its fact `severity`, where it has one of SEVERITIES, instead of its level. */
export function entryOf(severity: number, facts: object, message: string, line: string | null): SyslogEntry {
  const own: Readonly<Record<string, unknown>> = { ...facts }
  const words: readonly unknown[] = SEVERITIES
  const named = words.indexOf(own['severity'])
  return { at: new Date(), severity: named < 0 ? severity : named, message, facts: own, line }
}

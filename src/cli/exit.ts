import { VipdError } from '../base/errors.js'

/** Exit codes: API. */
export const EXIT = { ok: 0, failed: 1, usage: 2 } as const

/** Ends a command by one clear sentence; a bug, and only a bug, shows where it happened. */
export function fail(error: unknown): void {
  if (process.exitCode !== undefined && process.exitCode !== 0) return
  const isExpected = error instanceof VipdError
  const text = isExpected ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error)
  process.stderr.write(`vipd: ${text}\n`)
  process.exitCode = EXIT.failed
}

import { constants } from 'node:os'

/** What must be undone however the process ends, short of SIGKILL. Undoing is synchronous. */

const pending = new Set<() => void>()
let installed = false

/** Runs `undo` at exit, after Ctrl-C, SIGTERM or a crash. @returns a function that takes it back */
export function atExit(undo: () => void): () => void {
  install()
  pending.add(undo)
  return () => pending.delete(undo)
}

function install(): void {
  if (installed) return
  installed = true
  process.on('exit', () => {
    for (const undo of [...pending].reverse()) {
      try {
        undo()
      } catch (error) {
        console.error('cleaning up:', error)
      }
    }
  })
  // Not `once`: without a listener the next signal (a second Ctrl-C, or npm's copy of the first) would end this process
  // in the middle of undoing.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => process.exit(128 + constants.signals[signal]))
  }
}

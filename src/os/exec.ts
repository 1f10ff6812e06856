import { type ChildProcess, spawn } from 'node:child_process'
import { setMaxListeners } from 'node:events'
import { systemClock, type Timer } from '../base/clock.js'
import { formatDuration } from '../base/duration.js'
import { errnoOf, messageOf } from '../base/errors.js'

/** A program and its arguments, as execve takes them. */
export type Argv = readonly [string, ...string[]]

export interface ExecOptions {
  /** Milliseconds; then the program is ended with all its children. */
  readonly timeoutMs: number
  /** Whom it runs as (without supplementary groups); ourselves unless given. Only root may give it. */
  readonly uid?: number | undefined
  readonly gid?: number | undefined
  /** On top of what it inherits. */
  readonly env?: Readonly<Record<string, string>> | undefined
  /** What is kept of stdout and stderr together; the rest is read and forgotten. @default 4096 */
  readonly maxOutputBytes?: number | undefined
  /** Ends it before its time. */
  readonly signal?: AbortSignal | undefined
}

/** How a program ended. `detail` is for people: 'exit status 2', 'killed by SIGSEGV', 'timed out after 1s'. */
export type ExecResult =
  | { readonly ok: true; readonly tookMs: number; readonly output: string }
  | {
      readonly ok: false
      readonly why: 'exit' | 'signal' | 'timeout' | 'spawn' | 'cancelled'
      /** The exit status, where there was one. */
      readonly code: number | null
      readonly detail: string
      readonly output: string
      readonly tookMs: number
    }

export type Run = (argv: Argv, options: ExecOptions) => Promise<ExecResult>

/** Programs that run at once, those included that are being ended. */
const MAX_RUNNING = 64
const MAX_OUTPUT_BYTES = 4096
/** From SIGTERM to SIGKILL. */
const KILL_AFTER_MS = 500
/** How often a group that got SIGTERM is looked at. */
const LOOK_MS = 20
/** After the end of a group: how long its pipes may stay open, since a process outside the group may hold them. */
const DRAIN_MS = 100
/** Where a program without a slash in its name is looked for. */
export const PROGRAM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
/** What the service manager and Node told us and nobody else, and what is wrong for another user. */
const NOT_INHERITED = /^(NOTIFY_SOCKET|WATCHDOG_\w+|LISTEN_\w+|MAINPID|NODE_\w+)$/
const NOT_FOR_OTHERS = /^(HOME|USER|LOGNAME|MAIL|SHELL)$/

const ERRNO_TEXT: Readonly<Record<string, string>> = {
  ENOENT: 'no such program, or no such interpreter',
  EACCES: 'not executable',
  ENOTDIR: 'no such program',
  EPERM: 'may not run as this user',
  EAGAIN: 'too many processes',
  ENOMEM: 'out of memory',
  EMFILE: 'out of descriptors',
  ENFILE: 'out of descriptors',
  E2BIG: 'arguments too long'
}

const running = new Set<Execution>()
let isWatchingExit = false

/**
 * Runs one program without a shell, in a process group of its own, with nothing to read, in '/'. Never rejects. When it
 * answers, the whole group has ended or been sent SIGKILL: what the program left behind gets SIGTERM when it exits, at
 * its deadline and when it is cancelled, and SIGKILL 500 ms later. Answers within `timeoutMs` and 700 ms. Starting one
 * blocks for as long as fork takes: some milliseconds for each 100 MB that this process holds.
 */
export function run(argv: Argv, options: ExecOptions): Promise<ExecResult> {
  if (options.signal?.aborted) return Promise.resolve(notStarted('cancelled', 'cancelled'))
  if (running.size >= MAX_RUNNING) return Promise.resolve(notStarted('spawn', 'too many programs run at once'))
  if (!isWatchingExit) {
    isWatchingExit = true
    process.on('exit', () => {
      for (const execution of running) execution.kill()
    })
  }
  return new Promise((resolve) => {
    try {
      new Execution(start(argv, options), options, resolve)
    } catch (error) {
      resolve(notStarted('spawn', explain(error)))
    }
  })
}

/**
 * A command line as keepalived splits it: blanks separate, "double" and 'single' quotes group, a backslash takes the
 * next character as it is (in double quotes only `"` and `\`, in single quotes nothing).
 * @returns undefined when a quote is not closed, nothing follows a backslash, or no program is named
 */
export function splitCommand(line: string): [string, ...string[]] | undefined {
  const words: string[] = []
  let word: string | undefined
  let quote = ''
  for (let at = 0; at < line.length; at++) {
    const char = line.charAt(at)
    const next = line.charAt(at + 1)
    if (char === '\\' && quote !== "'" && (quote === '' || next === '"' || next === '\\')) {
      if (next === '') return undefined
      word = (word ?? '') + next
      at++
    } else if (char === quote) quote = ''
    else if (quote === '' && (char === '"' || char === "'")) {
      quote = char
      word ??= ''
    } else if (quote === '' && /\s/.test(char)) {
      if (word !== undefined) words.push(word)
      word = undefined
    } else word = (word ?? '') + char
  }
  if (quote !== '') return undefined
  if (word !== undefined) words.push(word)
  const [program, ...rest] = words
  return program === undefined || program === '' ? undefined : [program, ...rest]
}

/** One program from its start to the end of its group. */
class Execution {
  readonly #child: ChildProcess
  readonly #options: ExecOptions
  readonly #startedAt = systemClock.now()
  readonly #resolve: (result: ExecResult) => void
  readonly #output: Buffer[] = []
  readonly #deadline: Timer
  #wait: Timer | undefined
  #bytesLeft: number
  /** Why it was ended, when it was we who ended it. */
  #ended: 'timeout' | 'cancelled' | undefined
  #exit: { readonly code: number | null; readonly signal: string | null; readonly tookMs: number } | undefined
  #spawnError: unknown
  #hasClosed = false
  #isEnding = false
  #isGroupGone = false
  #isAnswered = false

  constructor(child: ChildProcess, options: ExecOptions, resolve: (result: ExecResult) => void) {
    this.#child = child
    this.#options = options
    this.#resolve = resolve
    this.#bytesLeft = options.maxOutputBytes ?? MAX_OUTPUT_BYTES
    running.add(this)
    child.once('error', (error) => this.#onError(error))
    child.once('exit', (code, signal) => this.#onExit(code, signal))
    child.once('close', () => {
      this.#hasClosed = true
      this.#settle()
    })
    for (const pipe of [child.stdout, child.stderr]) {
      pipe?.on('data', (chunk: Buffer) => this.#keep(chunk))
      pipe?.on('error', () => undefined)
    }
    // After a stall of ours the exit may lie unread when the timer fires.
    this.#deadline = systemClock.after(options.timeoutMs, () => systemClock.afterInput(() => this.#end('timeout')))
    if (options.signal === undefined) return
    // One signal may end all that run; Node would warn of the eleventh.
    setMaxListeners(MAX_RUNNING, options.signal)
    options.signal.addEventListener('abort', this.#onAbort, { once: true })
  }

  /** SIGKILL to all of it, at once. */
  kill(): void {
    if (!this.#isGroupGone) this.#signal('SIGKILL')
  }

  readonly #onAbort = (): void => this.#end('cancelled')

  #keep(chunk: Buffer): void {
    if (this.#bytesLeft === 0) return
    const kept = chunk.subarray(0, this.#bytesLeft)
    this.#bytesLeft -= kept.length
    // A copy: the chunk is a slice of a larger buffer.
    this.#output.push(Buffer.from(kept))
  }

  /** It was not started, or a signal of Node's own did not reach it: then `exit` still comes. */
  #onError(error: Error): void {
    if (this.#child.pid !== undefined) return
    this.#spawnError = error
    this.#isGroupGone = true
    this.#hasClosed = true
    running.delete(this)
    this.#settle()
  }

  #onExit(code: number | null, signal: string | null): void {
    this.#exit = { code, signal, tookMs: systemClock.now() - this.#startedAt }
    this.#deadline.cancel()
    this.#endGroup()
    if (this.#isGroupGone) running.delete(this)
    this.#settle()
  }

  #end(why: 'timeout' | 'cancelled'): void {
    if (this.#exit !== undefined || this.#isAnswered) return
    this.#ended ??= why
    this.#deadline.cancel()
    this.#endGroup()
  }

  #endGroup(): void {
    if (this.#isEnding) return
    this.#isEnding = true
    const killAt = systemClock.now() + KILL_AFTER_MS
    const look = (): void => {
      const isGone = !this.#signal(0)
      if (!isGone && systemClock.now() < killAt) {
        this.#wait = systemClock.after(LOOK_MS, look)
        return
      }
      if (!isGone) this.#signal('SIGKILL')
      this.#isGroupGone = true
      if (this.#exit !== undefined) running.delete(this)
      this.#wait = systemClock.after(DRAIN_MS, () => systemClock.afterInput(() => this.#answer()))
      this.#settle()
    }
    this.#signal('SIGTERM')
    look()
  }

  /** @returns whether anything of the group is left */
  #signal(signal: 'SIGTERM' | 'SIGKILL' | 0): boolean {
    const { pid } = this.#child
    if (pid === undefined) return false
    try {
      return process.kill(-pid, signal)
    } catch (error) {
      // EPERM: it has become another user's.
      return errnoOf(error) !== 'ESRCH'
    }
  }

  #settle(): void {
    if (this.#hasClosed && this.#isGroupGone) this.#answer()
  }

  #answer(): void {
    if (this.#isAnswered) return
    this.#isAnswered = true
    this.#wait?.cancel()
    this.#deadline.cancel()
    this.#options.signal?.removeEventListener('abort', this.#onAbort)
    this.#child.stdout?.destroy()
    this.#child.stderr?.destroy()
    this.#resolve(this.#result())
  }

  #result(): ExecResult {
    const output = Buffer.concat(this.#output).toString()
    const tookMs = this.#exit?.tookMs ?? systemClock.now() - this.#startedAt
    const { code = null, signal = null } = this.#exit ?? {}
    if (this.#spawnError !== undefined) return notStarted('spawn', explain(this.#spawnError))
    const failure = { ok: false, code, output, tookMs } as const
    if (this.#ended === 'timeout') {
      const detail = `timed out after ${formatDuration(this.#options.timeoutMs)}`
      return { ...failure, why: 'timeout', detail }
    }
    if (this.#ended === 'cancelled') return { ...failure, why: 'cancelled', detail: 'cancelled' }
    if (code === 0) return { ok: true, tookMs, output }
    if (signal !== null) return { ...failure, why: 'signal', detail: `killed by ${signal}` }
    return { ...failure, why: 'exit', detail: `exit status ${code}` }
  }
}

/** Throws what spawn throws: some errors come at once, others as an event. */
function start([program, ...args]: Argv, { uid, gid, env }: ExecOptions): ChildProcess {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !NOT_INHERITED.test(name) && !(uid !== undefined && NOT_FOR_OTHERS.test(name))
  )
  return spawn(program, args, {
    cwd: '/',
    detached: true,
    env: { ...Object.fromEntries(inherited), PATH: PROGRAM_PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(uid === undefined ? {} : { uid }),
    ...(gid === undefined ? {} : { gid })
  })
}

const notStarted = (why: 'spawn' | 'cancelled', detail: string): ExecResult => ({
  ok: false,
  why,
  code: null,
  detail,
  output: '',
  tookMs: 0
})

function explain(error: unknown): string {
  const errno = errnoOf(error)
  const text = ERRNO_TEXT[errno]
  return text === undefined ? messageOf(error) : `${errno}: ${text}`
}

import { type ChildProcess, spawn } from 'node:child_process'
import { appendFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { atExit } from './cleanup.js'
import { Changes } from './wait.js'

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface ChildOptions {
  readonly env?: NodeJS.ProcessEnv
  /** Everything it prints is appended here too. */
  readonly logFile?: string
  /** Called for each line of standard output, as it comes. */
  readonly onLine?: (line: string) => void
  /** Lines kept in memory. @default 2000 */
  readonly keep?: number
}

/** A program that was started and will be ended: at the latest when this process ends. Ended by its pid, never by name. */
export class Child {
  readonly pid: number
  readonly exited: Promise<Exit>
  /** The last lines it printed, on either stream. */
  readonly lines: string[] = []
  readonly command: string
  readonly #process: ChildProcess
  readonly #changes = new Changes()
  readonly #keep: number
  #exit: Exit | undefined

  constructor(argv: readonly string[], options: ChildOptions = {}) {
    const [program = '', ...rest] = argv
    this.command = argv.join(' ')
    this.#keep = options.keep ?? 2000
    const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...options.env } })
    this.#process = child
    this.pid = child.pid ?? -1
    const forget = atExit(() => this.signal('SIGKILL'))
    this.exited = new Promise((resolve) => {
      const end = (code: number | null, signal: NodeJS.Signals | null): void => {
        forget()
        this.#exit ??= { code, signal }
        resolve(this.#exit)
        this.#changes.notify()
      }
      child.once('exit', end)
      child.once('error', (error) => {
        this.#take(String(error), options)
        end(127, null)
      })
    })
    createInterface({ input: child.stdout }).on('line', (line) => {
      options.onLine?.(line)
      this.#take(line, options)
    })
    createInterface({ input: child.stderr }).on('line', (line) => this.#take(line, options))
  }

  /** How it ended, or undefined while it runs. */
  get exit(): Exit | undefined {
    return this.#exit
  }

  signal(signal: NodeJS.Signals): void {
    if (this.#exit === undefined) this.#process.kill(signal)
  }

  /** Sends a signal and waits for the end; SIGKILL at the deadline. */
  async stop(signal: NodeJS.Signals = 'SIGTERM', deadlineMs = 5000): Promise<Exit> {
    this.signal(signal)
    const timer = setTimeout(() => this.signal('SIGKILL'), deadlineMs)
    const exit = await this.exited
    clearTimeout(timer)
    return exit
  }

  /** The first line that matches, printed already or to come. Rejects when it ends before, and at the deadline. */
  line(pattern: RegExp, deadlineMs: number): Promise<string> {
    const look = (): string | undefined => {
      const found = this.lines.find((line) => pattern.test(line))
      if (found === undefined && this.#exit !== undefined) return ''
      return found
    }
    return this.#changes
      .until(look, deadlineMs, `${this.command} printing ${pattern}; it printed:\n${this.tail()}`)
      .then((found) => {
        if (found === '') throw new Error(`${this.command} ended before printing ${pattern}:\n${this.tail()}`)
        return found
      })
  }

  /** Its last words, for messages. */
  tail(count = 20): string {
    return this.lines.slice(-count).join('\n')
  }

  #take(line: string, options: ChildOptions): void {
    this.lines.push(line)
    if (this.lines.length > this.#keep) this.lines.shift()
    if (options.logFile !== undefined) appendFileSync(options.logFile, `${line}\n`)
    this.#changes.notify()
  }
}

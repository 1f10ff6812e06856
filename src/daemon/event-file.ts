import { open, rename, writeFile } from 'node:fs/promises'
import type { Clock, Timer } from '../base/clock.js'
import { errnoOf, messageOf } from '../base/errors.js'
import type { History, HistoryEvent } from '../base/history.js'

const EVERY_MS = 1000
const MOST_BYTES = 1 << 20
/** Numbers are exact up to there, with room for the events of a life. */
const MOST_SEQ = 2 ** 52

export interface EventFilePorts {
  readonly clock: Pick<Clock, 'every'>
  readonly history: Pick<History, 'since' | 'last' | 'restore'>
  /** Told once until it works again. */
  readonly onProblem: (what: string) => void
}

/**
 * Events outlive the process: written beside the admin socket within a second, read at the start. Best effort: a file
 * that cannot be read or written is said, and changes nothing else.
 */
export class EventFile {
  readonly #path: string
  readonly #ports: EventFilePorts
  #saved: number
  #writing: Promise<void> | undefined
  #timer: Timer | undefined
  #isFailing = false

  constructor(path: string, ports: EventFilePorts) {
    this.#path = path
    this.#ports = ports
    this.#saved = ports.history.last
  }

  /** Before the first event. Never rejects. */
  async load(): Promise<void> {
    const { history, onProblem } = this.#ports
    try {
      history.restore(decodeEvents(await readHead(this.#path)))
      this.#saved = history.last
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') onProblem(`events of before cannot be read: ${messageOf(error)}`)
    }
  }

  start(): void {
    this.#timer ??= this.#ports.clock.every(EVERY_MS, () => void this.save())
  }

  /** The last events, and no more after it. Never rejects. */
  async stop(): Promise<void> {
    this.#timer?.cancel()
    this.#timer = undefined
    await this.#writing
    await this.save()
  }

  /** Writes what is new, whole: a file is never half of one. One at a time. */
  save(): Promise<void> {
    if (this.#ports.history.last === this.#saved) return Promise.resolve()
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined
    })
    return this.#writing
  }

  async #write(): Promise<void> {
    const { history, onProblem } = this.#ports
    const { last } = history
    try {
      const fresh = `${this.#path}.new`
      await writeFile(fresh, encodeEvents(history.since(0)), { mode: 0o640 })
      await rename(fresh, this.#path)
      this.#saved = last
      this.#isFailing = false
    } catch (error) {
      if (!this.#isFailing) onProblem(`events cannot be kept over a restart: ${messageOf(error)}`)
      this.#isFailing = true
    }
  }
}

/** Beside the admin socket: several daemons of one host have each their own. */
export const eventFileOf = (socket: string): string => socket.replace(/(\.sock)?$/, '.events.jsonl')

/** A line for each, the newest that fit. */
export function encodeEvents(events: readonly HistoryEvent[]): string {
  const lines: string[] = []
  let bytes = 0
  for (const event of [...events].reverse()) {
    const line = `${JSON.stringify(event)}\n`
    bytes += Buffer.byteLength(line)
    if (bytes > MOST_BYTES) break
    lines.push(line)
  }
  return lines.reverse().join('')
}

/** Lines that are no events, a cut one for instance, are left out; so is what does not rise. */
export function decodeEvents(text: string): HistoryEvent[] {
  const events: HistoryEvent[] = []
  for (const line of text.split('\n')) {
    const event = decodeEvent(line)
    if (event !== undefined && event.seq > (events.at(-1)?.seq ?? 0)) events.push(event)
  }
  return events
}

const LEVELS: readonly unknown[] = ['debug', 'info', 'warn', 'error']
const SCOPES: readonly unknown[] = ['vrrp', 'proxy', 'daemon']

function decodeEvent(line: string): HistoryEvent | undefined {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const { seq, at, level, scope, instance, event, facts } = value as Readonly<Record<string, unknown>>
  const isSound =
    typeof seq === 'number' &&
    Number.isSafeInteger(seq) &&
    seq > 0 &&
    seq < MOST_SEQ &&
    typeof at === 'string' &&
    !Number.isNaN(Date.parse(at)) &&
    LEVELS.includes(level) &&
    SCOPES.includes(scope) &&
    (instance === undefined || typeof instance === 'string') &&
    typeof event === 'string' &&
    typeof facts === 'object' &&
    facts !== null
  return isSound ? (value as HistoryEvent) : undefined
}

async function readHead(path: string): Promise<string> {
  const file = await open(path)
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(MOST_BYTES), 0, MOST_BYTES, 0)
    return buffer.toString('utf8', 0, bytesRead)
  } finally {
    await file.close()
  }
}

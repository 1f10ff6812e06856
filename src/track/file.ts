import { watch } from 'node:fs'
import { basename, dirname } from 'node:path'
import type { Clock, Timer } from '../base/clock.js'
import type { Log } from '../base/log.js'
import type { TrackFileConfig } from '../config/track-schema.js'
import { type Head, type ReadHead, readHead } from './read-head.js'
import type { Tracker, TrackState } from './tracker.js'

/** Calls `onHint` when a file may have changed. Hints may be missing or wrong. */
export type WatchFile = (path: string, onHint: () => void) => { close(): void }

export interface FilePorts {
  readonly clock: Clock
  readonly log: Log
  /** The number is another one now, or known for the first time. */
  readonly onChange: () => void
  /** @default the file system's */
  readonly read?: ReadHead
  /** @default the kernel's (inotify) */
  readonly watch?: WatchFile
}

/** What of a file is read. */
const MAX_BYTES = 64
const MOST = 254
const POLL_MS = 1000
/** From a hint to the look at the file: a shell empties it, then writes it. */
const HINT_MS = 50

/**
 * vrrp_track_file: the whole number on the first line of a file, cut to -254…254. A file that is missing, or holds no
 * number, is 0. Read each second and soon after it changed, once at a time.
 */
export class FileTracker implements Tracker {
  readonly name: string
  readonly #path: string
  readonly #ports: FilePorts
  readonly #log: Log
  #level: TrackState = { state: 'init', value: 0, detail: 'has not been read yet' }
  #timer: Timer | undefined
  #watcher: { close(): void } | undefined
  #isReading = false
  #isHinted = false
  #wasEmpty = false
  /** What the log has been told of; '' while all is well. */
  #complaint = ''
  #isStopped = true

  constructor(config: TrackFileConfig, ports: FilePorts) {
    this.name = config.name
    this.#path = config.file
    this.#ports = ports
    this.#log = ports.log.child({ trackFile: config.name })
  }

  get level(): TrackState {
    return this.#level
  }

  start(): void {
    if (!this.#isStopped) return
    this.#isStopped = false
    this.#watcher = (this.#ports.watch ?? watchFile)(this.#path, () => this.#onHint())
    void this.#look()
  }

  stop(): void {
    this.#isStopped = true
    this.#timer?.cancel()
    this.#watcher?.close()
  }

  /** The first hint sets the time of the next look, so that a stream of them does not put it off. */
  #onHint(): void {
    if (this.#isStopped || this.#isHinted) return
    this.#isHinted = true
    if (!this.#isReading) this.#lookAfter(HINT_MS)
  }

  #lookAfter(delayMs: number): void {
    this.#timer?.cancel()
    this.#timer = this.#ports.clock.after(delayMs, () => void this.#look())
  }

  /** Never rejects. */
  async #look(): Promise<void> {
    this.#isReading = true
    this.#isHinted = false
    const head = await (this.#ports.read ?? readHead)(this.#path, MAX_BYTES)
    this.#isReading = false
    if (this.#isStopped) return
    this.#lookAfter(this.#isHinted || this.#isBeingWritten(head) ? HINT_MS : POLL_MS)
    if (!this.#wasEmpty || this.#level.state === 'init') this.#take(numberIn(head))
  }

  /** An empty file may be one that is being written: it counts when it is found empty twice. */
  #isBeingWritten(head: Head): boolean {
    const isEmpty = head.ok && head.bytes.length === 0
    this.#wasEmpty = isEmpty && !this.#wasEmpty
    return this.#wasEmpty
  }

  #take({ value, detail, complaint }: Reading): void {
    const before = this.#level
    this.#level = { state: 'up', value, detail }
    if (complaint !== '' && complaint !== this.#complaint)
      this.#log.warn({ file: this.#path, problem: complaint }, 'track file has no number: it counts as 0')
    this.#complaint = complaint
    if (before.state === 'up' && before.value === value) return
    if (before.state === 'up' || value !== 0) this.#log.info({ from: before.value, to: value }, 'track file changed')
    this.#ports.onChange()
  }
}

interface Reading {
  readonly value: number
  readonly detail: string
  /** Why it has no number, where the operator should know; else ''. */
  readonly complaint: string
}

function numberIn(head: Head): Reading {
  if (!head.ok) {
    if (head.errno === 'ENOENT') return { value: 0, detail: 'there is no such file', complaint: '' }
    return { value: 0, detail: head.errno, complaint: head.errno }
  }
  const line = (head.bytes.toString('latin1').split('\n')[0] ?? '').trim()
  if (line === '') return { value: 0, detail: 'the file is empty', complaint: '' }
  if (!/^[+-]?\d+$/.test(line)) {
    const complaint = `not a whole number: ${JSON.stringify(line)}`
    return { value: 0, detail: complaint, complaint }
  }
  // + 0: no -0.
  const value = Math.max(-MOST, Math.min(MOST, Number(line))) + 0
  return { value, detail: `${value}`, complaint: '' }
}

/** The folder is watched: an editor replaces the file. A folder that cannot be watched gives no hints. */
const watchFile: WatchFile = (path, onHint) => {
  try {
    const watcher = watch(dirname(path), { persistent: false }, (_, name) => {
      if (name === basename(path)) onHint()
    })
    watcher.on('error', () => watcher.close())
    return watcher
  } catch {
    return { close: () => undefined }
  }
}

import { readdir } from 'node:fs/promises'
import type { Clock, Timer } from '../base/clock.js'
import { errnoOf, messageOf } from '../base/errors.js'
import type { Log } from '../base/log.js'
import { Throttle } from '../base/throttle.js'
import { type ReadHead, readHead } from './read-head.js'

/** What a process is called. */
export interface ProcessName {
  /** The kernel's name of it: at most 15 bytes; of a script its own, not its interpreter's. */
  readonly comm: string
  /** Its arguments, the program first; empty for a kernel thread. */
  readonly args: readonly string[]
}

export interface Wish {
  /** Whether a process is one of those to be counted. */
  readonly isWanted: (name: ProcessName) => boolean
  /**
   * Called after each scan. Zombies are not counted.
   * @param isBlind the processes of other users are hidden from us (ProtectProc=, hidepid=)
   */
  readonly onCount: (count: number, isBlind: boolean) => void
}

export interface ScannerPorts {
  readonly clock: Clock
  readonly log: Log
  /** @default the names in /proc */
  readonly list?: () => Promise<readonly string[]>
  /** @default the file system's */
  readonly read?: ReadHead
}

export const SCAN_MS = 1000
const MAX_PROCESSES = 32_768
/** Processes that are read at once: libuv has four threads for it. */
const BATCH = 8
const MAX_STAT_BYTES = 1024
const MAX_COMMAND_BYTES = 8192
/** A process that was just forked is not yet what it becomes: it is read in its first scans, then in each tenth. */
const YOUNG_SCANS = 5
const REST_SCANS = 10
/** A scan that lasts longer than this is told of. */
const SLOW_MS = 5000

interface Known {
  readonly name: ProcessName
  readonly isZombie: boolean
  readonly isWanted: boolean
  /** How often it was read. */
  readonly reads: number
}

/**
 * Looks through /proc each second, once at a time, while anybody listens: one look for all. That a process has come or
 * gone, or a counted one is a zombie, is seen by the next scan; that one goes by another name, within ten.
 */
export class ProcessScanner {
  readonly #ports: ScannerPorts
  readonly #throttle: Throttle
  readonly #wishes = new Set<Wish>()
  readonly #known = new Map<number, Known>()
  /** Wishes that the processes known were not read for. */
  #hasNewWish = false
  #scans = 0
  #timer: Timer | undefined
  #isScanning = false

  constructor(ports: ScannerPorts) {
    this.#ports = ports
    this.#throttle = new Throttle(ports.clock)
  }

  /** Counts after every scan, until it is cancelled; the first scan starts now. */
  count(wish: Wish): { cancel(): void } {
    this.#wishes.add(wish)
    this.#hasNewWish = true
    if (!this.#isScanning) this.#scanAfter(0)
    return {
      cancel: () => {
        this.#wishes.delete(wish)
        if (this.#wishes.size === 0) this.#timer?.cancel()
      }
    }
  }

  #scanAfter(delayMs: number): void {
    this.#timer?.cancel()
    this.#timer = this.#ports.clock.after(delayMs, () => void this.#scan())
  }

  /** Never rejects. */
  async #scan(): Promise<void> {
    const { clock, log } = this.#ports
    const startedAt = clock.now()
    this.#isScanning = true
    const wishes = [...this.#wishes]
    if (this.#hasNewWish) this.#known.clear()
    this.#hasNewWish = false
    const slow = clock.after(SLOW_MS, () => log.warn({ lastsMs: SLOW_MS }, 'a look through /proc does not end'))
    try {
      await this.#look(await this.#list(), wishes)
      // A wish that was made meanwhile has not been looked for.
      // Everybody's first process can be read, unless those of others are hidden.
      const isBlind = !this.#known.has(1)
      for (const wish of wishes) if (this.#wishes.has(wish)) wish.onCount(this.#countFor(wish), isBlind)
    } catch (error) {
      const suppressed = this.#throttle.pass('scan')
      if (suppressed !== undefined)
        log.warn({ error: errnoOf(error) || messageOf(error), suppressed }, 'cannot look through /proc')
    }
    slow.cancel()
    this.#isScanning = false
    if (this.#wishes.size === 0) return
    this.#scanAfter(this.#hasNewWish ? 0 : Math.max(0, startedAt + SCAN_MS - clock.now()))
  }

  async #list(): Promise<number[]> {
    const names = await (this.#ports.list ?? (() => readdir('/proc')))()
    return names
      .filter((name) => /^\d+$/.test(name))
      .slice(0, MAX_PROCESSES)
      .map(Number)
  }

  async #look(pids: readonly number[], wishes: readonly Wish[]): Promise<void> {
    const there = new Set(pids)
    for (const pid of this.#known.keys()) if (!there.has(pid)) this.#known.delete(pid)
    this.#scans++
    const due = pids.filter((pid) => this.#isDue(pid))
    for (let at = 0; at < due.length && this.#wishes.size > 0; at += BATCH)
      await Promise.all(due.slice(at, at + BATCH).map((pid) => this.#read(pid, wishes)))
  }

  #isDue(pid: number): boolean {
    const known = this.#known.get(pid)
    if (known === undefined || known.isWanted || known.reads < YOUNG_SCANS) return true
    // Spread over the scans by the number.
    return (pid + this.#scans) % REST_SCANS === 0
  }

  /** One that ended meanwhile cannot be read, and is not known any more. */
  async #read(pid: number, wishes: readonly Wish[]): Promise<void> {
    const read = this.#ports.read ?? readHead
    const [stat, command] = await Promise.all([
      read(`/proc/${pid}/stat`, MAX_STAT_BYTES),
      read(`/proc/${pid}/cmdline`, MAX_COMMAND_BYTES)
    ])
    const parsed = stat.ok ? parseStat(stat.bytes.toString()) : undefined
    if (parsed === undefined || !command.ok) {
      this.#known.delete(pid)
      return
    }
    const { comm, isZombie } = parsed
    const name = { comm, args: parseArgs(command.bytes.toString()) }
    const isWanted = wishes.some((wish) => wish.isWanted(name))
    this.#known.set(pid, { name, isZombie, isWanted, reads: (this.#known.get(pid)?.reads ?? 0) + 1 })
  }

  #countFor(wish: Wish): number {
    let count = 0
    for (const { name, isZombie, isWanted } of this.#known.values())
      if (isWanted && !isZombie && wish.isWanted(name)) count++
    return count
  }
}

/** proc_pid_stat(5): `pid (comm) state …`; the name may hold blanks and brackets itself. */
function parseStat(text: string): { comm: string; isZombie: boolean } | undefined {
  const match = /^\d+ \((.*)\) (\S)/s.exec(text)
  return match === null ? undefined : { comm: match[1] ?? '', isZombie: /[ZXx]/.test(match[2] ?? '') }
}

/** Each ends with a null; one that has written over them may have left many. */
const parseArgs = (text: string): string[] => {
  const line = text.replace(/\0+$/, '')
  return line === '' ? [] : line.split('\0')
}

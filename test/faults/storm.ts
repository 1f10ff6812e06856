import { fileURLToPath } from 'node:url'
import type { Child } from '../lab/child.js'
import { type Scheduled, schedule, suffer } from '../lab/faults.js'
import { Lab, type LabNode, vip, vipPort } from '../lab/lab.js'
import { nowMs } from '../lab/wait.js'
import type { Kind } from './kind.js'
import { kinds } from './kinds.js'
import { type Overlap, overlaps } from './overlaps.js'
import type { Subject } from './subject.js'
import { ECHO_PORT } from './vipd.js'

export interface Master {
  readonly node: LabNode
  readonly subject: Subject
  echo: Child
}

/** What the clients saw so far. */
export interface Tally {
  readonly ok: number
  readonly failed: number
  readonly wrong: number
  /** Of the last ten seconds, in milliseconds; of visits that succeeded. */
  readonly p50: number
  readonly p99: number
}

export interface Happened {
  readonly kind: Kind
  readonly master: string
  readonly from: number
  to: number
}

/** Of the first master, that of the seed; each further one has twelve less, as there. */
const FIRST_PRIORITY = 100
/** Nobody has the address for at most: three adverts, the skew of the last node, its start, and what a busy machine adds. */
const VACANCY_MS = 8000

/** Three masters under load, and what goes wrong with them. */
export class Storm {
  readonly lab = new Lab()
  readonly masters: Master[] = []
  readonly happened: Happened[] = []
  /** Faults that could not be made or mended: the laboratory's own. */
  readonly mishaps: string[] = []
  readonly kinds: readonly Kind[]
  began = 0
  readonly #gaps: { readonly from: number; readonly to: number }[] = []
  #visits: Child | undefined
  #kept: Child | undefined

  constructor(chosen: readonly Kind[] = kinds) {
    this.kinds = chosen
  }

  /** @param everyMs between visits of clients, to begin with the first */
  async start(subjectOf: (lab: Lab, node: LabNode, priority: number) => Subject, everyMs = 40): Promise<void> {
    const { lab } = this
    for (const [index, node] of lab.masters.entries()) {
      const subject = lab.ending(subjectOf(lab, node, FIRST_PRIORITY - index * 12))
      this.masters.push({ node, subject, echo: await this.#echo(node) })
    }
    await lab.watchOwners()
    await Promise.all(this.masters.map(({ subject }) => subject.start()))
    await lab.owners.until(['m1'], 15_000)
    const argv = [process.execPath, program('visitors'), vip, String(vipPort), String(everyMs)]
    this.#visits = lab.start(lab.client, argv, { keep: 50, onLine: (line) => this.#hear(line) })
    await this.#visits.line(/^ok [1-9]/, 10_000)
    this.began = nowMs()
  }

  /**
   * Lets happen what the seed says, and waits for its end.
   * @param spared this master's process is not ended: it shall be seen living long
   */
  async rage(seed: number, seconds: number, spared?: string): Promise<void> {
    const after = (index: number): Kind | undefined =>
      this.kinds.slice(index).find(({ ends }) => ends !== true) ?? this.kinds.find(({ ends }) => ends !== true)
    await suffer(
      schedule(seed, seconds * 1000, this.masters.length, this.kinds.length),
      (one: Scheduled) => {
        const master = this.masters[one.node]
        const kind = master?.node.name === spared ? after(one.kind) : this.kinds[one.kind]
        if (master === undefined || kind === undefined) throw new Error('no such fault')
        return { ...kind.of(master, this), kind, master: master.node.name }
      },
      (_, fault, what, error) => {
        const { kind, master } = fault
        if (what === 'failed')
          this.mishaps.push(`${kind.name} on ${master}: ${error instanceof Error ? error.message : error}`)
        if (what === 'begins') this.happened.push({ kind, master, from: nowMs(), to: Number.POSITIVE_INFINITY })
        const last = this.happened.findLast((one) => one.kind === kind && one.master === master)
        if (what === 'ends' && last !== undefined) last.to = nowMs()
      }
    )
  }

  /** The longest time in a window in which no visit succeeded, in milliseconds; 0 for less than a tenth of a second. */
  longestGap(from: number, to: number): number {
    const within = this.#gaps.map((gap) => Math.min(gap.to, to) - Math.max(gap.from, from))
    return Math.max(0, ...within)
  }

  get tally(): Tally {
    const said = this.#visits?.lines.findLast((line) => line.startsWith('ok')) ?? ''
    const [, ok, failed, wrong, p50, p99] =
      /^ok (\d+) failed (\d+) wrong (\d+) p50 ([\d.]+) p99 ([\d.]+)/.exec(said) ?? []
    const number = (text: string | undefined): number => Number(text ?? 0)
    return { ok: number(ok), failed: number(failed), wrong: number(wrong), p50: number(p50), p99: number(p99) }
  }

  /** Connections that talk all the time and are opened again when they break. */
  async startKept(count: number, everyMs: number): Promise<void> {
    const argv = [process.execPath, program('talkers'), vip, String(vipPort), String(count), String(everyMs), 'again']
    this.#kept = this.lab.start(this.lab.client, argv, { keep: 50 })
    await this.#kept.line(/^open/, 20_000)
  }

  get kept(): { readonly answered: number; readonly broken: number; readonly wrong: number } {
    const line = this.#kept?.lines.findLast((one) => one.startsWith('{'))
    return line === undefined ? { answered: 0, broken: 0, wrong: 0 } : JSON.parse(line)
  }

  async endLoad(): Promise<void> {
    await Promise.all([this.#visits?.stop('SIGKILL'), this.#kept?.stop('SIGKILL')])
  }

  async endEcho(master: Master): Promise<void> {
    await master.echo.stop('SIGKILL')
  }

  async startEcho(master: Master): Promise<void> {
    master.echo = await this.#echo(master.node)
  }

  get elapsedMs(): number {
    return nowMs() - this.began
  }

  /** The longest time without an owner. */
  vacancyMs(to = nowMs()): number {
    return this.lab.owners.longestVacancy(this.began, to)
  }

  /** Every time that two who are not parted had the address. */
  overlaps(to = nowMs()): Overlap[] {
    return overlaps(this.lab.owners.holdings, this.happened, this.began, to)
  }

  /** The longest of them: of masters that work, and of one that hung when a better one came. */
  longestOverlaps(to = nowMs()): { readonly working: number; readonly hung: number } {
    const longest = (isHung: boolean): number =>
      Math.max(0, ...this.overlaps(to).flatMap(({ ms, hung }) => (hung === isHung ? [ms] : [])))
    return { working: longest(false), hung: longest(true) }
  }

  /** What may not happen, whatever goes wrong, and did; nothing where all is well. */
  wrongs(to = nowMs()): string[] {
    const [vacancy, { wrong }] = [this.vacancyMs(to), this.tally]
    const tooLong = this.overlaps(to).filter(({ ms, allowedMs }) => ms > allowedMs)
    return [
      ...(vacancy > VACANCY_MS ? [`${vacancy.toFixed()} ms without an owner`] : []),
      ...tooLong.map((one) => this.tell(one)),
      ...this.mishaps,
      ...(wrong > 0 ? [`${wrong} visits got a wrong byte`] : []),
      ...(this.kept.wrong > 0 ? [`${this.kept.wrong} words of kept connections came back wrong`] : [])
    ]
  }

  /** For who looks for the reason. */
  tell({ nodes: [first, second], from, ms, allowedMs, faults }: Overlap): string {
    const at = (time: number): string => `${((time - this.began) / 1000).toFixed(1)} s`
    const around = faults.map((one) => `${one.master} ${one.kind.name} ${at(one.from)}–${at(one.to)}`)
    const how = `${ms.toFixed()} ms with two owners that hear each other (${allowedMs} allowed)`
    return `${how}: ${second} came from ${at(from)} on, ${first} had it still; ${around.join(', ')}`
  }

  #hear(line: string): void {
    const [, from, to] = /^gap ([\d.]+) ([\d.]+)/.exec(line) ?? []
    if (from !== undefined) this.#gaps.push({ from: Number(from), to: Number(to) })
  }

  async #echo(node: LabNode): Promise<Child> {
    const echo = this.lab.start(node, [process.execPath, program('echo'), node.address, String(ECHO_PORT)])
    await echo.line(/listening/, 10_000)
    return echo
  }
}

function program(name: string): string {
  return fileURLToPath(new URL(`../lab/${name}.js`, import.meta.url))
}

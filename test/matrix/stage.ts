import { Judge } from '../lab/judge.js'
import { Lab, type LabNode } from '../lab/lab.js'
import { OwnerRecorder } from '../lab/owners.js'
import { nowMs } from '../lab/wait.js'
import { type Mode, type NodeSettings, vipsOf } from './modes.js'
import { type Bounds, beyond, type Direction, type Phase } from './outcome.js'
import { KeepalivedSpeaker, type Speaker, VipdSpeaker } from './speakers.js'

export const HIGH = 200
export const LOW = 100
/** vipd may wait this long for a first sign of life on a link. */
const ELECTION_MS = 40_000

/** One lab with its two routers and its judge, in which one scenario is played once. */
export class Stage {
  readonly lab: Lab
  readonly mode: Mode
  readonly direction: Direction
  readonly judge: Judge
  readonly phases: Phase[] = []
  readonly notes: string[] = []
  readonly failures: string[] = []
  readonly #speakers: readonly [Speaker, Speaker]
  readonly #swapped: boolean
  readonly #owners: OwnerRecorder

  /** @param swapped vipd (of a pair: the first) on m2, the higher address; else on m1 */
  constructor(mode: Mode, direction: Direction, { swapped }: { swapped: boolean }) {
    this.mode = mode
    this.direction = direction
    this.#swapped = swapped
    const secondLink = mode.instances.some((instance) => instance.interface === 'bond1')
    this.lab = new Lab({ dualStack: true, secondLink })
    const [m1, m2] = this.lab.masters
    this.#owners = new OwnerRecorder(mode.instances[0]?.vips.at(-1) ?? '')
    this.judge = this.lab.ending(new Judge(this.lab, vipsOf(mode)))
    const vipdAt = swapped ? m2 : m1
    const make = (node: LabNode, peer: LabNode): Speaker =>
      direction !== 'pair' && node === vipdAt
        ? new VipdSpeaker(this.lab, mode, node, peer)
        : new KeepalivedSpeaker(this.lab, mode, node, peer)
    this.#speakers = [make(m1, m2), make(m2, m1)]
  }

  /** The one that the direction names. */
  get first(): Speaker {
    const [one, two] = this.#speakers
    if (this.direction === 'pair') return this.#swapped ? two : one
    return one.kind === this.direction ? one : two
  }

  get second(): Speaker {
    const [one, two] = this.#speakers
    return this.first === one ? two : one
  }

  get vipd(): VipdSpeaker {
    const found = this.#speakers.find((speaker) => speaker instanceof VipdSpeaker)
    if (found === undefined) throw new Error('there is no vipd here')
    return found
  }

  /** How long somebody must have answered alone until that is settled. */
  get holdMs(): number {
    return this.mode.advertMs * 1.2
  }

  /** The judge asks, and the kernels' own events are heard. Before anything is started. */
  async watch(): Promise<void> {
    await Promise.all([this.judge.started(), this.#owners.start([this.first.node, this.second.node])])
    this.lab.ending(this.#owners)
  }

  /** Starts both and waits until the first is master and the second has had time to object. */
  async elect(settings: { first?: NodeSettings; second?: NodeSettings } = {}): Promise<void> {
    await this.watch()
    await this.first.start(settings.first ?? { priority: HIGH })
    await this.second.start(settings.second ?? { priority: LOW })
    await this.settled(this.first, ELECTION_MS)
  }

  /** Waits until this one alone answers, and has for a while. */
  async settled(speaker: Speaker, deadlineMs = 12 * this.mode.advertMs + 6000): Promise<number> {
    return this.judge.settled(speaker.node.name, this.holdMs, deadlineMs)
  }

  /** Waits until this one answers, whoever else does. */
  async answers(speaker: Speaker, deadlineMs = 12 * this.mode.advertMs + 6000): Promise<number> {
    return this.judge.answers(speaker.node.name, this.holdMs, deadlineMs)
  }

  /** Does something and judges the time until that has ended. Failures are noted; the scenario goes on unless it cannot. */
  async phase(name: string, bounds: Bounds, act: () => Promise<unknown>): Promise<Phase> {
    const from = nowMs()
    const failures: string[] = []
    try {
      await act()
    } catch (error) {
      failures.push(error instanceof Error ? error.message : String(error))
    }
    const to = nowMs()
    const figures = await this.judge.figures(from, to)
    failures.push(...beyond(figures, bounds, this.mode.advertMs * 1.5))
    const other = this.second.node.name
    // An owner of a few milliseconds comes and goes between two questions of the judge; the kernel's events tell of it.
    const takeovers = Math.max(this.judge.beginnings(other, from, to), this.#owners.takings(other, from, to))
    const phase = { name, bounds, figures, takeovers, story: this.judge.story(from, to), failures }
    this.phases.push(phase)
    this.failures.push(...failures.map((failure) => `${name}: ${failure}`))
    return phase
  }

  /** Something else that must be so. */
  check(isSo: boolean, what: string): void {
    if (!isSo) this.failures.push(`not so: ${what}`)
  }

  /** The last that both said, for a failure's explanation. */
  logs(lines = 12): string[] {
    return this.#speakers.flatMap((speaker) => [
      `-- ${speaker.kind} on ${speaker.node.name}`,
      ...speaker
        .log()
        .split('\n')
        .filter((line) => !line.includes('Sending gratuitous ARP on'))
        .slice(-lines)
    ])
  }
}

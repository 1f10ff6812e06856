import { Child } from './child.js'
import type { Lab, LabNode } from './lab.js'
import { type Figures, figures, ownersAt, type Span, story } from './timeline.js'
import { tool } from './tools.js'
import { Changes, nowMs } from './wait.js'

type Line =
  | { readonly vip: string; readonly at: number; readonly macs: readonly string[] }
  | { readonly at: number; readonly late: number }

/** Judges from a third namespace who owns the addresses: whose MAC answers. See `judge.c`. */
export class Judge {
  readonly vips: readonly string[]
  /** The latest that a question left, in milliseconds: how far the figures can be trusted. */
  lateMs = 0
  readonly #spans = new Map<string, Span[]>()
  readonly #changes = new Changes()
  readonly #lab: Lab
  readonly #child: Child
  #heardUntil = 0

  /**
   * @param periodMs between two questions for the same address
   * @param node where it stands. The answers reach that node's kernel too: a client there would have its ARP cache disturbed
   */
  constructor(lab: Lab, vips: readonly string[], periodMs = 10, node: LabNode = lab.client) {
    this.#lab = lab
    this.vips = vips
    for (const vip of vips) this.#spans.set(vip, [])
    const argv = [tool('judge'), 'bond0', String(periodMs), ...vips]
    const onLine = (line: string): void => this.#take(JSON.parse(line) as Line)
    this.#child = new Child(['ip', 'netns', 'exec', node.namespace, ...argv], { onLine, keep: 20 })
  }

  /** Resolves when it asks. */
  async started(deadlineMs = 5000): Promise<void> {
    await this.#child.line(/late/, deadlineMs)
  }

  async stop(): Promise<void> {
    await this.#child.stop('SIGKILL')
  }

  /** Who answers now, for each address. */
  owners(): readonly (readonly string[])[] {
    return this.#all().map((spans) => spans.at(-1)?.owners ?? [])
  }

  /** Waits until this node, and no other, has answered for every address throughout `holdMs`. @returns since when */
  settled(owner: string, holdMs: number, deadlineMs: number): Promise<number> {
    return this.#heldFor((owners) => owners.length === 1 && owners[0] === owner, holdMs, deadlineMs, `${owner} alone`)
  }

  /** Waits until this node has answered for every address throughout `holdMs`, whoever else does. @returns since when */
  answers(owner: string, holdMs: number, deadlineMs: number): Promise<number> {
    return this.#heldFor((owners) => owners.includes(owner), holdMs, deadlineMs, `${owner}`)
  }

  /** What was seen in a window that may end now. */
  async figures(from: number, to = nowMs()): Promise<Figures> {
    await this.#changes.until(() => this.#heardUntil >= to, 5000, `the judge; it printed ${this.#child.tail(3)}`)
    return figures(this.#all(), from, to)
  }

  /** When `owner` first answered for every address after `since`. */
  firstAnswer(owner: string, since: number): number | undefined {
    const times = this.#all().map((spans) => spans.find((span) => span.from >= since && span.owners.includes(owner)))
    return times.includes(undefined) ? undefined : Math.max(...times.map((span) => span?.from ?? 0))
  }

  /** How often a node began to answer for any address in a window. */
  beginnings(owner: string, from: number, to = nowMs()): number {
    const count = (spans: readonly Span[]): number =>
      spans.filter(
        (span, index) =>
          span.from > from && span.from < to && span.owners.includes(owner) && !spans[index - 1]?.owners.includes(owner)
      ).length
    return Math.max(...this.#all().map(count))
  }

  /** What happened in a window, for each address. */
  story(from: number, to = nowMs()): string[] {
    return [...this.#spans].map(([vip, spans]) => `${vip}: ${story(spans, from, to)}`)
  }

  async #heldFor(
    holds: (owners: readonly string[]) => boolean,
    holdMs: number,
    deadlineMs: number,
    what: string
  ): Promise<number> {
    const asked = nowMs()
    const look = (): number | undefined => {
      const since = Math.max(...this.#all().map((spans) => sinceWhen(spans, holds)))
      return this.#heardUntil - Math.max(since, asked) >= holdMs ? since : undefined
    }
    return this.#changes
      .until(look, deadlineMs, `${what} answering for ${this.vips.join(' and ')}`)
      .catch((error: Error) => {
        throw new Error(`${error.message}; seen: ${this.story(asked).join('; ')}`)
      })
  }

  #all(): Span[][] {
    return [...this.#spans.values()]
  }

  #take(line: Line): void {
    this.#heardUntil = Math.max(this.#heardUntil, line.at)
    if ('late' in line) this.lateMs = Math.max(this.lateMs, line.late)
    else {
      const spans = this.#spans.get(line.vip) ?? []
      const owners = [...new Set(line.macs.map((mac) => this.#lab.nodeOfMac(mac)))].sort()
      if (ownersAt(spans, line.at).join() !== owners.join() || spans.length === 0) spans.push({ from: line.at, owners })
    }
    this.#changes.notify()
  }
}

/** Since when the last spans have been such, or for ever in the future. */
function sinceWhen(spans: readonly Span[], holds: (owners: readonly string[]) => boolean): number {
  const broken = spans.findLastIndex((span) => !holds(span.owners))
  return spans[broken + 1]?.from ?? Number.POSITIVE_INFINITY
}

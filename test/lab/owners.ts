import { Child } from './child.js'
import { ip } from './namespaces.js'
import { Changes, nowMs } from './wait.js'

export interface Holding {
  readonly node: string
  readonly from: number
  /** Undefined while it still holds. */
  until?: number
}

const MARKER = '127.86.73.80'
const LINE = /^\[([\d\-T:.]+)\] (Deleted )?\d+: (\S+) +inet6? ([\da-f.:]+)/

/**
 * Records when the VIP was on which node's interface, from the kernel's own events (`ip monitor`), in monotonic milliseconds.
 * The time stamps are those of the reading process, so a busy test does not blur them.
 */
export class OwnerRecorder {
  readonly holdings: Holding[] = []
  readonly #changes = new Changes()
  readonly #children: Child[] = []
  readonly #ready = new Set<string>()
  readonly #vip: string

  constructor(vip: string) {
    this.#vip = vip
  }

  /** Starts watching; resolves when every monitor has shown that it hears events. */
  async start(nodes: readonly { name: string; namespace: string }[], deadlineMs = 5000): Promise<void> {
    for (const node of nodes) {
      const onLine = (line: string): void => this.#take(node.name, line)
      const argv = ['ip', '-n', node.namespace, '-ts', '-o', 'monitor', 'address']
      this.#children.push(new Child(argv, { onLine, env: { TZ: 'UTC' }, keep: 50 }))
    }
    const knock = setInterval(() => {
      for (const node of nodes)
        if (!this.#ready.has(node.name)) ip(['-n', node.namespace, 'address', 'replace', `${MARKER}/32`, 'dev', 'lo'])
    }, 30)
    try {
      await this.#changes.until(() => this.#ready.size === nodes.length, deadlineMs, 'ip monitor to hear events')
    } finally {
      clearInterval(knock)
    }
    for (const node of nodes) ip(['-n', node.namespace, 'address', 'del', `${MARKER}/32`, 'dev', 'lo'])
  }

  async stop(): Promise<void> {
    await Promise.all(this.#children.map((child) => child.stop('SIGKILL')))
  }

  /** Who holds the VIP now, in the order in which they took it. */
  owners(): string[] {
    return this.holdings.filter((one) => one.until === undefined).map((one) => one.node)
  }

  holds(node: string): boolean {
    return this.owners().includes(node)
  }

  /** Waits until exactly these nodes hold the VIP. @returns the time at which that became so */
  until(nodes: readonly string[], deadlineMs: number): Promise<number> {
    const wanted = [...nodes].sort().join()
    const what = `VIP on [${wanted}] only`
    return this.#changes.until(
      () => [...this.owners()].sort().join() === wanted && this.#lastChange(),
      deadlineMs,
      what
    )
  }

  /** Waits until exactly one node holds the VIP, and it is another one. @returns its name */
  untilOther(than: string, deadlineMs: number): Promise<string> {
    const look = (): string | undefined => {
      const [owner, second] = this.owners()
      return second === undefined && owner !== than ? owner : undefined
    }
    return this.#changes.until(look, deadlineMs, `VIP on one node, not ${than}`)
  }

  /** When `node` first held the VIP after `since`. */
  takenAfter(node: string, since: number): number | undefined {
    return this.holdings.find((one) => one.node === node && one.from >= since)?.from
  }

  /** How often `node` took the VIP in a window, however shortly. */
  takings(node: string, from: number, to = nowMs()): number {
    return this.holdings.filter((one) => one.node === node && one.from >= from && one.from <= to).length
  }

  /** When `node` let the VIP go after `since`; `since` itself if it did not hold it then. */
  goneAfter(node: string, since: number): number | undefined {
    const held = this.holdings.find((one) => one.node === node && (one.until ?? Number.POSITIVE_INFINITY) >= since)
    return held === undefined || held.from > since ? since : held.until
  }

  /** The longest time within a window in which two or more nodes held the VIP at once. */
  longestOverlap(from: number, to = nowMs()): number {
    return this.#longest(from, to, (count) => count >= 2)
  }

  /** The longest time within a window in which no node held the VIP. */
  longestVacancy(from: number, to = nowMs()): number {
    return this.#longest(from, to, (count) => count === 0)
  }

  #longest(from: number, to: number, counts: (owners: number) => boolean): number {
    const edges = this.holdings.flatMap((one) => [one.from, one.until ?? to]).filter((at) => at > from && at < to)
    const times = [from, ...edges.sort((a, b) => a - b), to]
    let longest = 0
    let since = from
    for (const [index, at] of times.entries()) {
      const next = times[index + 1] ?? to
      const middle = (at + next) / 2
      const count = this.holdings.filter((one) => one.from <= middle && (one.until ?? to) > middle).length
      if (!counts(count)) since = next
      longest = Math.max(longest, next - since)
    }
    return longest
  }

  #lastChange(): number {
    return Math.max(0, ...this.holdings.map((one) => one.until ?? one.from))
  }

  #take(node: string, line: string): void {
    const [, stamp = '', deleted, , address] = LINE.exec(line) ?? []
    if (address === MARKER) this.#ready.add(node)
    else if (address === this.#vip) {
      const at = Date.parse(`${stamp}Z`) - Date.now() + nowMs()
      const held = this.holdings.find((one) => one.node === node && one.until === undefined)
      if (deleted === undefined && held === undefined) this.holdings.push({ node, from: at })
      if (deleted !== undefined && held !== undefined) held.until = at
    } else return
    this.#changes.notify()
  }
}

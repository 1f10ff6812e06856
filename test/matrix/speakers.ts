import { Keepalived } from '../lab/keepalived.js'
import type { Lab, LabNode } from '../lab/lab.js'
import { Vipd } from '../lab/vipd.js'
import { poll } from '../lab/wait.js'
import { keepalivedText, type Mode, type NodeSettings, vipdText } from './modes.js'

/** A VRRP router of either kind, for a scenario that does not ask which. */
export interface Speaker {
  readonly kind: 'vipd' | 'keepalived'
  readonly node: LabNode
  /** Resolves when it listens. */
  start(settings: NodeSettings): Promise<void>
  /** SIGKILL to all of it. */
  kill(): Promise<void>
  /** SIGTERM, and its end. */
  terminate(): Promise<void>
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void
  /** A changed file, and the command or signal that has it read. */
  reload(settings: NodeSettings): Promise<void>
  /** What it printed since it was last started. */
  log(): string
}

export class KeepalivedSpeaker implements Speaker {
  readonly kind = 'keepalived'
  readonly node: LabNode
  readonly #lab: Lab
  readonly #text: (settings: NodeSettings) => string
  #keepalived: Keepalived | undefined

  constructor(lab: Lab, mode: Mode, node: LabNode, peer: LabNode) {
    this.#lab = lab
    this.node = node
    this.#text = (settings) => keepalivedText(mode, node, peer, settings)
  }

  async start(settings: NodeSettings): Promise<void> {
    this.#keepalived = this.#lab.ending(new Keepalived(this.#lab, this.node, this.#text(settings)))
    await this.#keepalived.started()
  }

  async kill(): Promise<void> {
    await this.#keepalived?.kill()
  }

  async terminate(): Promise<void> {
    await this.#keepalived?.stop()
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#keepalived?.signalBoth(signal)
  }

  async reload(settings: NodeSettings): Promise<void> {
    this.#keepalived?.reload(this.#text(settings))
  }

  log(): string {
    return this.#keepalived?.child.lines.join('\n') ?? ''
  }
}

export class VipdSpeaker implements Speaker {
  readonly kind = 'vipd'
  readonly node: LabNode
  readonly #lab: Lab
  readonly #text: (settings: NodeSettings) => string
  #vipd: Vipd | undefined

  constructor(lab: Lab, mode: Mode, node: LabNode, peer: LabNode) {
    this.#lab = lab
    this.node = node
    this.#text = (settings) => vipdText(mode, lab, node, peer, settings)
  }

  async start(settings: NodeSettings): Promise<void> {
    this.#vipd = this.#lab.ending(new Vipd(this.#lab, this.node, this.#text(settings)))
    await this.#vipd.start()
  }

  async kill(): Promise<void> {
    await this.#vipd?.stop('SIGKILL')
  }

  async terminate(): Promise<void> {
    await this.#vipd?.stop('SIGTERM')
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#vipd?.child.signal(signal)
  }

  async reload(settings: NodeSettings): Promise<void> {
    await this.#vipd?.reload(this.#text(settings))
  }

  log(): string {
    return this.#vipd?.child.lines.join('\n') ?? ''
  }

  /** Does it say so, in its log or in its status? Waits a little: words come after deeds. */
  async says(pattern: RegExp, deadlineMs = 3000): Promise<boolean> {
    const look = async (): Promise<boolean> =>
      pattern.test(this.log()) || pattern.test(JSON.stringify(await this.#vipd?.status()))
    return poll(look, deadlineMs, `vipd saying ${pattern}`).catch(() => false)
  }

  /** A counter over all instances; of a group of counters the sum. */
  async counter(name: string): Promise<number> {
    const status = await this.#vipd?.status()
    const values = (status?.vrrp ?? []).map((instance) => {
      const value = instance.counters[name]
      if (typeof value !== 'object' || value === null) return Number(value ?? 0)
      return Object.values(value).reduce((sum: number, part) => sum + Number(part), 0)
    })
    return values.reduce((sum, value) => sum + value, 0)
  }
}

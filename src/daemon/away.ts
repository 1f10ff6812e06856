import type { FailoverQuery, FailoverVerdict } from '../admin/status.js'
import type { Clock, Timer } from '../base/clock.js'
import type { VrrpConfig } from '../config/schema.js'
import type { Absence } from './estate.js'

/**
 * Instances that keep away from mastership on purpose (`vipd failover`), and for how long yet. One that is away asks to
 * be relieved and goes on as master until another node is: nobody is ever left without.
 */
export class Away {
  readonly #clock: Pick<Clock, 'now' | 'after'>
  readonly #onChange: () => void
  readonly #until = new Map<string, { readonly atMs: number; readonly timer: Timer }>()

  /** @param onChange somebody left or is back */
  constructor(clock: Pick<Clock, 'now' | 'after'>, onChange: () => void) {
    this.#clock = clock
    this.#onChange = onChange
  }

  /** From now on, instead of what was said of it before; 0 is back at once. */
  send(names: readonly string[], forMs: number): void {
    for (const name of names) {
      this.#until.get(name)?.timer.cancel()
      this.#until.delete(name)
      if (forMs <= 0) continue
      const timer = this.#clock.after(forMs, () => {
        this.#until.delete(name)
        this.#onChange()
      })
      this.#until.set(name, { atMs: this.#clock.now() + forMs, timer })
    }
    this.#onChange()
  }

  /** What the operator asks for, of one instance or of all (null); 0 ends it. */
  order(configured: readonly VrrpConfig[], { instance, forMs }: FailoverQuery): FailoverVerdict {
    const instances = configured.filter(({ name }) => instance === null || name === instance)
    if (instances.length === 0)
      return { ok: false, error: instance === null ? 'there is no VRRP instance' : `there is no instance ${instance}` }
    const owner = instances.find(({ priority }) => priority === 255)
    if (owner !== undefined && forMs > 0) {
      const why = 'has priority 255: the owner of an address is always its master'
      return { ok: false, error: `${owner.name} ${why}` }
    }
    const names = instances.map(({ name }) => name)
    this.send(names, forMs)
    return { ok: true, instances: names }
  }

  has(name: string): boolean {
    return this.#until.has(name)
  }

  /** Whole seconds; null: it is not away. */
  leftS(name: string): number | null {
    const one = this.#until.get(name)
    return one === undefined ? null : Math.max(0, Math.ceil((one.atMs - this.#clock.now()) / 1000))
  }

  /** Who is away and for how long yet, for the process that comes after. */
  get left(): readonly Absence[] {
    return [...this.#until].map(([name, { atMs }]) => ({ name, forMs: Math.max(0, atMs - this.#clock.now()) }))
  }

  stop(): void {
    for (const { timer } of this.#until.values()) timer.cancel()
    this.#until.clear()
  }
}

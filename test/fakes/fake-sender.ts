import type { AdvertPlan, AdvertState, NativeAdvertSender } from '../../src/os/addon.js'

/** The thread that sends adverts, as its callers see it: keeps what it was told, sends nothing by itself. */
export class FakeSender implements Pick<NativeAdvertSender, 'plan' | 'clear' | 'state' | 'prove'> {
  readonly told: ({ readonly plan: AdvertPlan; readonly id: number } | { readonly clear: number })[] = []
  readonly proofs: number[] = []
  readonly #states = new Map<number, AdvertState>()

  /** What the next plans are refused by. */
  refusal: Error | undefined

  plan(id: number, plan: AdvertPlan): void {
    if (this.refusal !== undefined) throw this.refusal
    this.told.push({ id, plan })
    this.#note(id, { lastSentAtMs: Math.max(plan.sinceMs, this.state(id)?.lastSentAtMs ?? 0) })
  }

  clear(id: number): void {
    this.told.push({ clear: id })
  }

  state(id: number): AdvertState | undefined {
    return this.#states.get(id)
  }

  prove(untilMs: number): void {
    this.proofs.push(untilMs)
  }

  /** The thread has sent one, so much too late. */
  sends(id: number, atMs: number, latenessMs = 0): void {
    const { sent = 0, worstLatenessMs = 0 } = this.state(id) ?? {}
    this.#note(id, { lastSentAtMs: atMs, sent: sent + 1, worstLatenessMs: Math.max(worstLatenessMs, latenessMs) })
  }

  fails(id: number): void {
    this.#note(id, { errors: (this.state(id)?.errors ?? 0) + 1 })
  }

  get plans(): readonly AdvertPlan[] {
    return this.told.flatMap((one) => ('plan' in one ? [one.plan] : []))
  }

  #note(id: number, change: Partial<AdvertState>): void {
    const none = { lastSentAtMs: 0, sent: 0, errors: 0, worstLatenessMs: 0 } as AdvertState
    this.#states.set(id, { ...none, ...this.#states.get(id), ...change })
  }
}

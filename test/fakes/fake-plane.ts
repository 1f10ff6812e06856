import type { LiveSession, NativeDataPlane, ServiceTable, SessionFilter } from '../../src/os/plane.js'

/** The data plane as services see it: keeps what was published, and refuses to bind when told to. */
export class FakePlane implements Pick<NativeDataPlane, 'publish' | 'withdraw' | 'sessions' | 'kill'> {
  readonly tables: ServiceTable[] = []
  readonly withdrawn: { service: number; closeSessions: boolean }[] = []
  readonly killed: { session: number; quietMs: number }[] = []
  readonly asked: SessionFilter[] = []
  /** Everything that was published or withdrawn, in order: `publish 1`. */
  readonly told: string[] = []
  live: LiveSession[] = []
  /** Questions are answered when the test says so, and not at once. */
  late: (() => void)[] | undefined
  /** Why no question is taken. */
  unwilling: Error | undefined
  attempts = 0
  /** Why every table is refused; or those with a listener on these ports. */
  refusal: Error | undefined
  readonly taken = new Set<number>()

  get table(): ServiceTable | undefined {
    return this.tables.at(-1)
  }

  /** The last table of a service. */
  of(service: number): ServiceTable | undefined {
    return this.tables.findLast(({ id }) => id === service)
  }

  publish(table: ServiceTable): void {
    this.attempts++
    if (this.refusal !== undefined) throw this.refusal
    if (table.listeners.some((one) => one.kind === 'tcp' && this.taken.has(one.port))) throw errno('EADDRINUSE')
    this.tables.push(table)
    this.told.push(`publish ${table.id}`)
  }

  withdraw(service: number, closeSessions: boolean): void {
    this.withdrawn.push({ service, closeSessions })
    this.told.push(`withdraw ${service}`)
  }

  sessions(filter: SessionFilter, done: (sessions: readonly LiveSession[]) => void): void {
    if (this.unwilling !== undefined) throw this.unwilling
    this.asked.push(filter)
    const found = this.live
      .filter(({ backend, server, idleMs }) => {
        const isMeant = [-1, backend].includes(filter.service) && [-1, server].includes(filter.server)
        return isMeant && idleMs >= filter.quietMs
      })
      .sort((a, b) => b.ageMs - a.ageMs)
      .slice(0, filter.most)
    if (this.late === undefined) done(found)
    else this.late.push(() => done(found))
  }

  kill(session: number, quietMs: number): void {
    this.killed.push({ session, quietMs })
  }
}

/** A failed system call as the addon throws it. */
export const errno = (code: string, message = code): Error => Object.assign(new Error(message), { code })

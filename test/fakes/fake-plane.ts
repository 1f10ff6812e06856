import type { NativeDataPlane, ServiceTable } from '../../src/os/plane.js'

/** The data plane as a service sees it: keeps what was published, and refuses to bind when told to. */
export class FakePlane implements Pick<NativeDataPlane, 'publish' | 'withdraw'> {
  readonly tables: ServiceTable[] = []
  readonly withdrawn: { service: number; closeSessions: boolean }[] = []
  attempts = 0
  refusal: Error | undefined

  get table(): ServiceTable | undefined {
    return this.tables.at(-1)
  }

  publish(table: ServiceTable): void {
    this.attempts++
    if (this.refusal !== undefined) throw this.refusal
    this.tables.push(table)
  }

  withdraw(service: number, closeSessions: boolean): void {
    this.withdrawn.push({ service, closeSessions })
  }
}

/** A failed system call as the addon throws it. */
export const errno = (code: string, message = code): Error => Object.assign(new Error(message), { code })

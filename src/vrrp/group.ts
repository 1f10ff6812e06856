import type { Role } from './machine.js'

/** An instance as its sync group sees it. */
export interface Member {
  readonly name: string
  readonly role: Role
  /** Becomes master now: every member wants to. */
  takeOver(): void
  /** Is master no longer, because another member is not. */
  yieldTo(reason: string): void
  /** Another member's faults are different now: ask `faultsFor`. */
  groupChanged(): void
}

/** Members that are MASTER, BACKUP or FAULT together (keepalived's vrrp_sync_group). */
export class SyncGroup {
  readonly name: string
  readonly #members = new Set<Member>()
  readonly #faults = new Map<Member, readonly string[]>()
  /** Those who have heard no master for long enough. */
  readonly #claims = new Set<Member>()
  readonly #onRole: (from: Role, to: Role) => void
  #role: Role = 'INIT'

  /** @param onRole the group as a whole has changed */
  constructor(name: string, onRole: (from: Role, to: Role) => void) {
    this.name = name
    this.#onRole = onRole
  }

  get role(): Role {
    return this.#role
  }

  get members(): readonly string[] {
    return [...this.#members].map((member) => member.name)
  }

  add(member: Member): void {
    this.#members.add(member)
  }

  remove(member: Member): void {
    this.#members.delete(member)
    this.#faults.delete(member)
    this.#claims.delete(member)
    for (const other of this.#members) other.groupChanged()
    if (this.#members.size > 0) this.#look()
  }

  /** A member would become master. When all others would too, or are, they all do, this one included. */
  claim(member: Member): void {
    this.#claims.add(member)
    const isAgreed = [...this.#members].every((one) => this.#claims.has(one) || one.role === 'MASTER')
    if (!isAgreed) return
    const ready = [...this.#members].filter((one) => one.role !== 'MASTER')
    this.#claims.clear()
    for (const one of ready) one.takeOver()
  }

  /** A member has heard a master that it does not depose. */
  unclaim(member: Member): void {
    this.#claims.delete(member)
  }

  /** A member's own faults, as a level. */
  setFaults(member: Member, faults: readonly string[]): void {
    const before = this.#faults.get(member) ?? []
    if (before.join() === faults.join()) return
    this.#faults.set(member, faults)
    for (const other of this.#members) if (other !== member) other.groupChanged()
  }

  /** What the other members suffer from, in words. */
  faultsFor(member: Member): string[] {
    return [...this.#faults].flatMap(([other, faults]) =>
      other === member ? [] : faults.map((fault) => `sync group ${this.name}: ${other.name}: ${fault}`)
    )
  }

  /** A member's role is different now: a master that stepped down takes the others along. */
  moved(member: Member, from: Role, reason: string): void {
    if (member.role !== 'BACKUP') this.#claims.delete(member)
    if (from === 'MASTER' && member.role === 'BACKUP') {
      for (const other of this.#members)
        if (other !== member) other.yieldTo(`sync group ${this.name}: ${member.name}: ${reason}`)
    }
    this.#look()
  }

  #look(): void {
    const role = this.#common()
    if (role === this.#role) return
    const before = this.#role
    this.#role = role
    this.#onRole(before, role)
  }

  #common(): Role {
    const roles = [...this.#members].map((member) => member.role)
    if (roles.includes('FAULT')) return 'FAULT'
    if (roles.every((role) => role === 'MASTER')) return 'MASTER'
    return roles.includes('INIT') ? 'INIT' : 'BACKUP'
  }
}

import type { ServiceEstate } from '../proxy/estate.js'

/** What is said between the two processes; who speaks another one is not understood. */
export const FORMAT = 1

/** Begins the place of a socket that came from the service manager; its name follows. */
export const INHERITED = 'inherited '

/** What a process leaves to the one that takes over, besides sockets. As JSON. */
export interface Estate {
  readonly version: string
  readonly services: readonly ServiceEstate[]
  /** Instances that are master. */
  readonly masters: readonly Mastership[]
  /** Instances that stay away on purpose. Absent: of a version that did not say. */
  readonly away?: readonly Absence[]
  /** Where it listens, and what it was handed itself, in the order of the descriptors, which come before those of sessions. */
  readonly places: readonly string[]
}

export interface Mastership {
  readonly interface: string
  readonly family: 4 | 6
  readonly virtualRouterId: number
}

/** An instance that stays away, for so long yet. */
export interface Absence {
  readonly name: string
  readonly forMs: number
}

/** What the successor says when it is able to take over. */
export interface Ready {
  readonly type: 'ready'
  readonly format: number
  /** The form of sessions that its addon reads. */
  readonly sessions: number
  readonly version: string
}

/** How much is on its way. */
export interface Announced {
  readonly type: 'estate'
  readonly estateBytes: number
  readonly sessionBytes: number
  readonly descriptors: number
}

export interface Word {
  readonly type: 'have' | 'go'
}

/** Says by its type what it is; undefined: something else. */
export function wordOf<Type extends string>(
  value: unknown,
  type: Type
): ({ readonly type: Type } & object) | undefined {
  const isIt = typeof value === 'object' && value !== null && 'type' in value && value.type === type
  return isIt ? (value as { readonly type: Type }) : undefined
}

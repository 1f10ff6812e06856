import type { notifyOf } from '../config/vrrp-schema.js'

/** What an instance or a group went through, as keepalived tells it. */
export interface Transition {
  readonly kind: 'INSTANCE' | 'GROUP'
  readonly name: string
  readonly from: 'INIT' | State | 'STOP'
  readonly to: State | 'STOP'
  /** Effective, 1 to 255. Of a group keepalived says 0, and so do we whatever stands here. */
  readonly priority: number
  /** For mail: 'master-down'. */
  readonly reason: string
  /** Wall time, for people. */
  readonly at: Date
}

export type State = 'MASTER' | 'BACKUP' | 'FAULT'

/** The commands of an instance or a group, as configured. */
export type Notify = ReturnType<typeof notifyOf>

/** A configured command line, and the arguments that are added to its own. */
export interface Command {
  readonly line: string
  readonly extra: readonly string[]
}

/** keepalived tells no priority of a group. */
const priorityOf = ({ kind, priority }: Pick<Transition, 'kind' | 'priority'>): number =>
  kind === 'GROUP' ? 0 : priority

/** What keepalived writes to its FIFOs, and what keepalived.conf(5) promises: `INSTANCE "VI_1" MASTER 100`. */
export const fifoLine = (transition: Transition): string =>
  `${transition.kind} "${transition.name}" ${transition.to} ${priorityOf(transition)}\n`

/** The same for vrrp_notify_priority_changes: `INSTANCE "VI_1" BACKUP_PRIORITY 105`. */
export const priorityLine = (name: string, state: 'MASTER' | 'BACKUP', priority: number): string =>
  `INSTANCE "${name}" ${state}_PRIORITY ${priority}\n`

/** The last four arguments of `notify`. */
export const notifyArguments = (transition: Transition): readonly string[] => [
  transition.kind,
  transition.name,
  transition.to,
  String(priorityOf(transition))
]

/** What is run, in this order: notify_master, _backup, _fault or _stop with its own arguments alone, then `notify`. */
export function commandsOf(transition: Transition, notify: Notify): readonly Command[] {
  const own = ownCommand(transition.to, notify)
  return [
    ...(own === null ? [] : [{ line: own, extra: [] }]),
    ...(notify.any === null ? [] : [{ line: notify.any, extra: notifyArguments(transition) }])
  ]
}

function ownCommand(to: Transition['to'], notify: Notify): string | null {
  switch (to) {
    case 'MASTER':
      return notify.master
    case 'BACKUP':
      return notify.backup
    case 'FAULT':
      return notify.fault
    case 'STOP':
      return notify.stop
  }
}

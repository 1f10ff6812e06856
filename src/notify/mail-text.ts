import type { Transition } from './transition.js'

/** `[node1] VRRP Instance VI_1 - Entering MASTER state`, as keepalived has it: filters of mail know it. */
export const subjectOf = (transition: Transition, routerId: string): string =>
  `[${routerId}] VRRP ${titleOf(transition)} ${transition.name} - ${whatOf(transition.to)}`

/** keepalived's sentence, and what it does not tell. */
export const bodyOf = (transition: Transition, node: string): string =>
  [
    `=> ${sentenceOf(transition)} <=`,
    '',
    `${titleOf(transition)}: ${transition.name}`,
    `State: ${transition.to}, before: ${transition.from}`,
    `Reason: ${transition.reason}`,
    ...(transition.kind === 'GROUP' ? [] : [`Priority: ${transition.priority}`]),
    `Node: ${node}`,
    `Time: ${transition.at.toISOString()}`,
    ''
  ].join('\n')

const titleOf = ({ kind }: Transition): string => (kind === 'GROUP' ? 'Group' : 'Instance')

const whatOf = (to: Transition['to']): string => (to === 'STOP' ? 'Stopping' : `Entering ${to} state`)

function sentenceOf({ kind, to }: Transition): string {
  if (kind === 'GROUP')
    return to === 'STOP'
      ? 'All VRRP group instances are now stopping'
      : `All VRRP group instances are now in ${to} state`
  switch (to) {
    case 'STOP':
      return 'VRRP Instance stopping'
    case 'MASTER':
      return 'VRRP Instance is now owning VRRP VIPs'
    case 'BACKUP':
    case 'FAULT':
      return 'VRRP Instance is no longer owning VRRP VIPs'
  }
}

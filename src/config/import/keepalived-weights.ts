/** Why a track with a weight has no place in an instance or a group. `changed`: keepalived lets it count. */
export interface Unweighted {
  readonly level: 'warning' | 'changed'
  readonly text: string
}

/** What decides whether weights count. */
export interface WeightScope {
  /** In a sync group; true: one with sync_group_tracking_weight. Undefined: in none. */
  readonly isCounting: boolean | undefined
  readonly isOwner: boolean
  readonly isNopreempt: boolean
}

const FAULT = 'Without a weight (`{ name: …, weight: 0 }`) a failure is a fault, and the address moves'

/** Weights that keepalived ignores, and those that vipd refuses because nothing follows from them. */
export function unweightedIn({ isCounting, isOwner, isNopreempt }: WeightScope): Unweighted | undefined {
  if (isCounting === false) {
    const text = `keepalived ignores tracks with a weight in a member of a sync group: left out. ${FAULT}`
    return { level: 'warning', text }
  }
  if (isCounting === true) {
    const text = `a sync group moves as one, so vipd knows no weights in its members: left out. ${FAULT}`
    return { level: 'changed', text }
  }
  if (isOwner) {
    const text = `nothing lowers the owner’s priority 255, in keepalived either: left out. ${FAULT}`
    return { level: 'warning', text }
  }
  if (!isNopreempt) return undefined
  const text = `with nopreempt no backup takes over from a master whose priority sinks, so the weight moved nothing while that master lived: left out. ${FAULT}; or write \`preempt: true\` on every node`
  return { level: 'changed', text }
}

/** In a group itself: weights would pull the members apart. */
export const UNWEIGHTED_GROUP: Unweighted = {
  level: 'changed',
  text: 'a sync group moves as one, whatever the priority of a member, so vipd knows no weights in it: left out. Without a weight (`{ name: …, weight: 0 }`) a failure is a fault of the whole group'
}

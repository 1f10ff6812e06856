import { formatDuration } from '../base/duration.js'
import { unknownNameHint } from './hints.js'
import { duplicates, errorAt, type Problem, warningAt } from './problem.js'
import type { Config, GroupConfig, VrrpConfig } from './schema.js'
import { knownNames, type Written } from './written.js'

/** Sync groups: members that exist, in one group each, and that agree with each other. */
export function groupProblems(config: Config, written: Written): Problem[] {
  const instances = new Map(config.vrrp.map((one) => [one.name, one]))
  const known = knownNames(config.vrrp, 'vrrp', written)
  return [
    ...config.groups.flatMap((group, i) => [
      ...unknownMembers(group, i, known, written),
      ...loneMember(group, i),
      ...differences(
        group.members.map((member) => instances.get(member)).filter((one) => one !== undefined),
        i
      )
    ]),
    ...sharedMembers(config)
  ]
}

const unknownMembers = (group: GroupConfig, index: number, known: ReadonlySet<string>, written: Written): Problem[] =>
  group.members.flatMap((member, i) =>
    known.has(member) || written.isPlaceholder(member)
      ? []
      : [
          errorAt(
            ['vrrp_sync_group', index, 'group', i],
            `\`vrrp\` has no instance ${member}: ${unknownNameHint(member, known, 'vrrp')}`
          )
        ]
  )

const loneMember = (group: GroupConfig, index: number): Problem[] =>
  new Set(group.members).size > 1
    ? []
    : [
        warningAt(
          ['vrrp_sync_group', index, 'group'],
          `${group.name} has one member, which moves with no other: name a second one, or remove the group`
        )
      ]

/** Members that the election treats differently pull the group to two nodes; the first member is the measure. */
function differences(members: readonly VrrpConfig[], index: number): Problem[] {
  const [first, ...others] = members
  if (first === undefined) return []
  const path = ['vrrp_sync_group', index, 'group'] as const
  const namesOf = (is: (one: VrrpConfig) => boolean): string =>
    others
      .filter(is)
      .map((one) => one.name)
      .join(', ')
  const problems: Problem[] = []
  const preempt = namesOf((one) => one.preempt !== first.preempt)
  if (preempt !== '') {
    problems.push(
      errorAt(
        path,
        `${first.name} has \`preempt: ${first.preempt}\` and ${preempt} has not, so that one would take over and the other stay: give all members the same`
      )
    )
  }
  const priority = namesOf((one) => one.priority !== first.priority)
  if (priority !== '') {
    problems.push(
      warningAt(
        path,
        `${first.name} has priority ${first.priority} and ${priority} another, so that each asks for its own master: give all members the same`
      )
    )
  }
  const interval = namesOf((one) => one.advertIntMs !== first.advertIntMs)
  if (interval !== '') {
    problems.push(
      warningAt(
        path,
        `${first.name} has \`advert_int: ${formatDuration(first.advertIntMs)}\` and ${interval} another, so that the group waits for its slowest member: give all members the same`
      )
    )
  }
  return problems
}

function sharedMembers(config: Config): Problem[] {
  const all = config.groups.flatMap((group, i) =>
    group.members.map((member, j) => ({ group, member, path: ['vrrp_sync_group', i, 'group', j] as const }))
  )
  return duplicates(
    all,
    (entry) => entry.member,
    (i) => all[i]?.path ?? [],
    (entry, first) =>
      first.group === entry.group
        ? `${entry.member} stands twice in ${entry.group.name}: once is enough`
        : `${entry.member} is already a member of ${first.group.name}: an instance has one group`
  )
}

import { type Directive, keywordOf } from './directive.js'
import { addList, type Draft, gatherItems, hasKey, leave, nameFrom, signedOr } from './keepalived-draft.js'
import type { Tracked, TrackedKind } from './keepalived-tracked.js'
import type { Unweighted } from './keepalived-weights.js'
import { entry, type Item, list, map, type Node, scalar } from './yaml-tree.js'

/** What the tracks of an instance or a group have to be judged by. */
export interface TrackScope {
  readonly tracked: ReadonlyMap<TrackedKind, ReadonlyMap<string, Tracked>>
  /** Its own interface, which is tracked always; '' for a group. */
  readonly interfaceName: string
  /** Why a track with a weight has no place here; undefined: it has. */
  readonly unweighted: Unweighted | undefined
}

export type TrackKey = 'track_interface' | 'track_script' | 'track_file' | 'track_process'

const KINDS: Readonly<Record<TrackKey, TrackedKind | undefined>> = {
  track_interface: undefined,
  track_script: 'vrrp_script',
  track_file: 'vrrp_track_file',
  track_process: 'vrrp_track_process'
}

/** track_interface, track_script, track_file or track_process of an instance or a group. */
export function takeTracks(draft: Draft, block: Directive, key: TrackKey, scope: TrackScope): void {
  const { items, behind } = gatherItems(draft.report, block, (line, before) =>
    trackNode(draft, line, key, scope, before)
  )
  const tail = [...behind, ...block.tail]
  if (items.length > 0) addList(draft, key, list(items, true, tail), block)
  else {
    leave(draft, block)
    draft.behind = [...draft.behind, ...tail]
    if ((block.block ?? []).length === 0) draft.report.add('warning', block, key, 'holds nothing: left out')
  }
}

/** A track's name, or a map where it has more than a name; undefined when it is left out. */
function trackNode(
  draft: Draft,
  line: Directive,
  key: TrackKey,
  scope: TrackScope,
  earlier: readonly Item[]
): Node | undefined {
  const given = keywordOf(line)
  const subject = `${key} ${given}`
  const say = (level: 'warning' | 'changed', text: string): undefined => {
    draft.report.add(level, line, subject, text)
  }
  const words = parseTrack(line)
  if (words === undefined) {
    draft.report.add(
      'error',
      line,
      subject,
      'not understood: a name may be followed by `weight NUMBER` and `reverse`, and each name has a line of its own'
    )
    return undefined
  }
  const kind = KINDS[key]
  const name = kind === undefined ? given : nameFrom(given)
  const base = kind === undefined ? { weight: 0, reverse: false, isGone: false } : scope.tracked.get(kind)?.get(name)
  if (base === undefined)
    return say('warning', `there is no such ${kind}, and keepalived ignores this line too: left out`)
  if (base.isGone) return say('changed', 'watches haproxy: left out, vipd watches its own proxy')
  if (key === 'track_interface' && name === scope.interfaceName) {
    return say('warning', 'the instance’s own interface is always tracked: when it is down, that is a fault')
  }
  if (isThere(draft, key, earlier, name)) return say('warning', 'stands twice: the first one counts')
  const isWeighted = (words.weight === undefined ? base.weight : Number(words.weight)) !== 0
  if (isWeighted && scope.unweighted !== undefined) return say(scope.unweighted.level, scope.unweighted.text)
  const isReverse = words.reverse ?? base.reverse
  if (words.weight === undefined && !isReverse) return scalar(name)
  const entries = [entry('name', scalar(name))]
  if (words.weight !== undefined) entries.push(entry('weight', signedOr(words.weight)))
  if (isReverse) entries.push(entry('reverse', scalar(true)))
  return map(entries, true)
}

interface TrackWords {
  readonly weight: string | undefined
  readonly reverse: boolean | undefined
}

function parseTrack({ words, block }: Directive): TrackWords | undefined {
  const rest = words.slice(1)
  let weight: string | undefined
  let reverse: boolean | undefined
  for (let i = 0; i < rest.length; i++) {
    const word = rest[i]
    if (word === 'weight' && rest[i + 1] !== undefined) weight = rest[++i]
    else if (word === 'reverse') reverse = true
    else if (word === 'noreverse' || word === 'no_reverse') reverse = false
    else return undefined
  }
  return block === undefined ? { weight, reverse } : undefined
}

/** True when a name stands in this block or an earlier one of its kind already. */
function isThere(draft: Draft, key: TrackKey, earlier: readonly Item[], name: string): boolean {
  const before = hasKey(draft, key) ? draft.entries.find((one) => one.key === key)?.node : undefined
  const items = [...(before?.kind === 'list' ? before.items : []), ...earlier]
  return items.some(({ node }) => {
    const own = node.kind === 'map' ? node.entries.find((one) => one.key === 'name')?.node : node
    return own?.kind === 'scalar' && own.value === name
  })
}

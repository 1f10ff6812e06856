import { type Directive, keywordOf } from './directive.js'
import {
  addList,
  blockComments,
  createDraft,
  type Handler,
  leave,
  nameEntry,
  nameFrom,
  takeLines
} from './keepalived-draft.js'
import { type MailDraft, NOTIFY_HANDLERS } from './keepalived-notify.js'
import type { Tracked, TrackedKind } from './keepalived-tracked.js'
import { type TrackKey, type TrackScope, takeTracks } from './keepalived-tracks.js'
import { GROUP_LEFTOVERS } from './keepalived-words.js'
import type { Report } from './report.js'
import { type Item, item, leftBehind, list, map, scalar } from './yaml-tree.js'

/** What a group has to be judged by. */
export interface GroupScope {
  readonly tracked: ReadonlyMap<TrackedKind, ReadonlyMap<string, Tracked>>
  /** Instances of the file, by vipd's names; false: left out by this import. */
  readonly instances: ReadonlyMap<string, boolean>
  readonly canMail: boolean
}

interface GroupDraft extends MailDraft {
  readonly scope: GroupScope
}

/** The names in a group's `group { … }`, as vipd has them. */
export const memberNames = (group: Directive): readonly string[] =>
  (group.block ?? [])
    .filter((line) => keywordOf(line) === 'group')
    .flatMap((line) => (line.block ?? []).flatMap((one) => one.words.map(nameFrom)))

/** One vrrp_sync_group as an item of its list; undefined when none of its members is left. */
export function importGroup(block: Directive, scope: GroupScope, report: Report): Item | undefined {
  const draft: GroupDraft = { ...createDraft(report), canMail: scope.canMail, scope }
  takeLines(draft, block.block ?? [], HANDLERS, GROUP_LEFTOVERS)
  if (draft.entries.every((one) => one.key !== 'group')) {
    report.add('changed', block, `vrrp_sync_group ${block.words[1] ?? ''}`, 'no instance of it is left: left out')
    return undefined
  }
  report.carry(block)
  const place = { file: report.file, line: block.line }
  const entries = [nameEntry(block, report), ...draft.entries]
  return item(map(entries, false, [...draft.behind, ...block.tail]), { above: blockComments(block), place })
}

const takeMembers: Handler<GroupDraft> = (draft, line) => {
  const items: Item[] = []
  let behind: readonly string[] = []
  for (const one of line.block ?? []) {
    for (const [i, given] of one.words.entries()) {
      const name = nameFrom(given)
      const isKept = draft.scope.instances.get(name)
      if (isKept === true && items.some(({ node }) => node.kind === 'scalar' && node.value === name)) {
        draft.report.add('warning', one, `group ${given}`, 'stands twice: once is enough')
      } else if (isKept === true) {
        draft.report.carry(one)
        const place = { file: draft.report.file, line: one.line }
        const isLast = i === one.words.length - 1
        items.push(
          item(scalar(name), {
            above: [...behind, ...(i === 0 ? one.above : [])],
            beside: isLast ? one.beside : '',
            place
          })
        )
        behind = []
      } else if (isKept === undefined) {
        behind = [...behind, ...leftBehind(one)]
        draft.report.add(
          'warning',
          one,
          `group ${given}`,
          'there is no such instance, and keepalived ignores it too: left out'
        )
      } else {
        behind = [...behind, ...leftBehind(one)]
        draft.report.add('changed', one, `group ${given}`, 'this instance is left out, so the others move without it')
      }
    }
  }
  if (items.length > 0) addList(draft, 'group', list(items, true, [...behind, ...line.tail]), line)
  else {
    leave(draft, line)
    draft.behind = [...draft.behind, ...behind, ...line.tail]
  }
}

/** Weights would pull the members apart. */
const UNWEIGHTED = {
  level: 'changed',
  text: 'a sync group moves as one, whatever the priority of a member, so vipd knows no weights in it: left out. Without a weight (`{ name: …, weight: 0 }`) a failure is a fault of the whole group'
} as const

const takeTrack = (key: TrackKey): Handler<GroupDraft> => {
  return (draft, line) => {
    const scope: TrackScope = { tracked: draft.scope.tracked, interfaceName: '', unweighted: UNWEIGHTED }
    takeTracks(draft, line, key, scope)
  }
}

const HANDLERS = new Map<string, Handler<GroupDraft>>([
  ['group', takeMembers],
  ['track_interface', takeTrack('track_interface')],
  ['track_script', takeTrack('track_script')],
  ['track_file', takeTrack('track_file')],
  ['track_process', takeTrack('track_process')],
  ...NOTIFY_HANDLERS
])

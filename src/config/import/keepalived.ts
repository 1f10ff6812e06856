import { argumentOf, type Directive, keywordOf } from './directive.js'
import { flagOf, nameFrom } from './keepalived-draft.js'
import { canMail, type GlobalDefaults, globalLines, importGlobals } from './keepalived-globals.js'
import { importGroup, memberNames } from './keepalived-group.js'
import { importInstance } from './keepalived-instance.js'
import { lintKeepalived, watchesHaproxy } from './keepalived-lint.js'
import { runsScripts } from './keepalived-notify.js'
import { parseKeepalived } from './keepalived-parser.js'
import { readable } from './keepalived-readable.js'
import { importTracked, trackedBlocks, trackedKind } from './keepalived-tracked.js'
import { TOP_LEFTOVERS } from './keepalived-words.js'
import type { Report } from './report.js'
import { type Entry, entry, type Item, leftBehind, list } from './yaml-tree.js'

/** vipd's lists, in the order in which they are written: what is named comes before what names it. */
const LISTS = ['vrrp_script', 'vrrp_track_file', 'vrrp_track_process', 'vrrp_sync_group', 'vrrp'] as const

type List = (typeof LISTS)[number]

/**
 * keepalived.conf → the top-level keys of a vipd configuration; everything else about it is in the report.
 * @param replacesHaproxy haproxy.cfg is imported too: what watches haproxy would fail on every node
 */
export function importKeepalived(text: string, report: Report, replacesHaproxy: boolean): Entry[] {
  const top = parseKeepalived(text, report)
  const lines = readable(top.block ?? [], text, report)
  const globals = importGlobals(lines, report)
  const isGone = (block: Directive): boolean => replacesHaproxy && watchesHaproxy(block)
  const items = importBlocks(lines, globals.defaults, isGone, report)
  lintKeepalived(lines, isGone, report)
  const lists = new Map<List, Item[]>(LISTS.map((key) => [key, []]))
  const open = globals.entry === undefined ? globals.comments : []
  let behind: readonly string[] = open
  for (const line of lines) {
    const found = items.get(line)
    if (found !== undefined) {
      lists.get(found.list)?.push({ ...found.item, above: [...behind, ...found.item.above] })
      behind = []
    } else if (keywordOf(line) !== 'global_defs') behind = [...behind, ...leftBehind(line)]
  }
  if (lists.get('vrrp')?.length === 0) return []
  reviewScripts(lines, globals.defaults, report)
  const entries = globals.entry === undefined ? [] : [globals.entry]
  for (const [key, some] of lists) {
    const tail = key === 'vrrp' ? [...behind, ...top.tail] : []
    if (some.length > 0) entries.push(entry(key, list(some, false, tail), { place: { file: report.file, line: 1 } }))
  }
  return entries
}

interface Found {
  readonly list: List
  readonly item: Item
}

/** What becomes of each block at the top. Instances first: groups name them. */
function importBlocks(
  lines: readonly Directive[],
  globals: GlobalDefaults,
  isGone: (block: Directive) => boolean,
  report: Report
): ReadonlyMap<Directive, Found> {
  const found = new Map<Directive, Found>()
  const tracked = trackedBlocks(lines, isGone)
  const groups = lines.filter((line) => keywordOf(line) === 'vrrp_sync_group')
  const grouped = new Map(groups.flatMap((group) => memberNames(group).map((name) => [name, countsWeights(group)])))
  const scope = { globals, tracked, grouped, keyFiles: new Map<string, string>(), canMail: canMail(lines) }
  const instances = new Map<string, boolean>()
  for (const line of lines.filter((one) => keywordOf(one) === 'vrrp_instance')) {
    const item = importInstance(line, scope, report)
    const name = nameFrom(argumentOf(line))
    instances.set(name, item !== undefined || instances.get(name) === true)
    if (item !== undefined) found.set(line, { list: 'vrrp', item })
  }
  for (const line of lines) {
    const kind = trackedKind(line)
    if (kind !== undefined && isGone(line)) {
      const text =
        'watches haproxy, which does not run any more: it would fail on every node. Left out; vipd watches its own proxy, and gives the address up without it'
      report.add('changed', line, line.words.slice(0, 2).join(' '), text)
    } else if (kind !== undefined) found.set(line, { list: kind, item: importTracked(line, kind, report) })
    else if (keywordOf(line) === 'vrrp_sync_group') {
      const item = importGroup(line, { tracked, instances, canMail: scope.canMail }, report)
      if (item !== undefined) found.set(line, { list: 'vrrp_sync_group', item })
    } else review(line, report)
  }
  return found
}

const countsWeights = (group: Directive): boolean =>
  (group.block ?? []).some((line) => /^(?:sync_group_tracking_weight|global_tracking)$/.test(keywordOf(line)))

function review(line: Directive, report: Report): void {
  const keyword = keywordOf(line)
  if (keyword === 'vrrp_instance' || keyword === 'global_defs') return
  const leftover = TOP_LEFTOVERS.get(keyword)
  const subject = line.words.slice(0, 2).join(' ')
  if (leftover !== undefined) report.add(leftover.level, line, subject, leftover.text)
  else report.add('changed', line, keyword, 'not understood: left out. Is it spelled right?')
}

/** Who scripts run as: vipd's own user, unless vipd is root. */
function reviewScripts(lines: readonly Directive[], globals: GlobalDefaults, report: Report): void {
  const first = lines.find(runsScripts)
  if (first === undefined) return
  const isSafe = globalLines(lines).some(
    (line) => keywordOf(line) === 'enable_script_security' && flagOf(line) !== false
  )
  const fallback = isSafe ? 'keepalived_script' : 'keepalived_script where there is such a user, else root'
  const text = `scripts run as the user of vipd.service, vipd. Only a vipd that is root heeds \`script_user\` and \`user\`, and takes, where none is named, keepalived_script or else nobody. keepalived ran them as ${globals.scriptUser ?? fallback}: see that they can do their work`
  report.add('changed', first, 'script_user', text)
}

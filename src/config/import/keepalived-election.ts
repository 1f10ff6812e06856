import { formatDuration, parseDuration } from '../../base/duration.js'
import { argumentOf, type Directive, keywordOf } from './directive.js'
import { add, type Draft, type Handler, leave, leaveOut, secondsNode } from './keepalived-draft.js'
import { durationNode, entry, scalar } from './yaml-tree.js'

/** What an instance's state, priority and preemption mean together. */
export interface ElectionDraft extends Draft {
  readonly version: string
  /** In capitals; '' is none. */
  readonly state: string
  readonly priority: string
  /** Priority 255, said or by default. */
  readonly isOwner: boolean
  /** nopreempt, where keepalived heeds it. */
  readonly isNopreempt: boolean
  readonly isStrict: boolean
}

/** advert_int, rounded as keepalived rounds it: to seconds in version 2, to 10 ms in version 3. */
export const takeAdvertInt: Handler<ElectionDraft> = (draft, line) => {
  const given = argumentOf(line)
  const step = draft.version === '2' ? 1000 : 10
  const ms = parseDuration(given, 's')
  if (ms === undefined || ms % step === 0) {
    add(draft, 'advert_int', durationNode(given, 's'), line)
    return
  }
  const rounded = Math.max(step, Math.floor(ms / step + 0.5) * step)
  const what = draft.version === '2' ? 'VRRP version 2 counts whole seconds' : 'VRRP version 3 counts steps of 10ms'
  draft.report.add('warning', line, 'advert_int', `${what}: ${formatDuration(rounded)}, as keepalived rounds it`)
  add(draft, 'advert_int', scalar(formatDuration(rounded)), line)
}

/** state, which decides nothing but what addElection makes of it. */
export const takeState: Handler<ElectionDraft> = (draft, line) => {
  leave(draft, line)
  const isKnown = draft.state === 'MASTER' || draft.state === 'BACKUP'
  if (!isKnown) draft.report.add('error', line, 'state', `must be MASTER or BACKUP, not \`${argumentOf(line)}\``)
  const why = 'not needed: the election goes by priority alone. In keepalived too every node starts as backup'
  if (isKnown) draft.report.add('warning', line, `state ${draft.state}`, why)
}

/** preempt and nopreempt, as keepalived takes them together with the state. */
export const takePreempt: Handler<ElectionDraft> = (draft, line) => {
  const isOverruled = draft.state === 'MASTER' || draft.isOwner
  if (keywordOf(line) === 'nopreempt' && isOverruled) {
    const because = draft.state === 'MASTER' ? 'state MASTER' : 'priority 255'
    draft.report.add(
      'warning',
      line,
      'nopreempt',
      `keepalived ignores it together with \`${because}\`, so this is \`preempt: true\`. If you want nopreempt, write \`preempt: false\` on every node`
    )
  }
  add(draft, 'preempt', scalar(keywordOf(line) === 'preempt' || isOverruled), line)
}

/** preempt_delay, unless keepalived ignores it. */
export const takePreemptDelay: Handler<ElectionDraft> = (draft, line) => {
  const because =
    draft.state === 'MASTER'
      ? '`state MASTER`'
      : draft.isNopreempt
        ? '`nopreempt`'
        : draft.isStrict
          ? 'strict mode'
          : ''
  if (because === '') add(draft, 'preempt_delay', secondsNode(line), line)
  else leaveOut(draft, line, 'warning', 'preempt_delay', `keepalived ignores it together with ${because}: left out`)
}

/** Says what is not said: priority and preemption. */
export function addElection(draft: ElectionDraft, instance: Directive): void {
  addPriority(draft, instance)
  addPreempt(draft)
}

function addPriority(draft: ElectionDraft, instance: Directive): void {
  if (draft.entries.some((one) => one.key === 'priority')) return
  const beside = draft.isOwner ? '`state MASTER` without a priority' : 'keepalived’s default'
  const after = draft.entries.findIndex((one) => one.key === 'virtual_router_id')
  draft.entries.splice(after + 1, 0, entry('priority', scalar(draft.isOwner ? 255 : 100), { beside }))
  if (!draft.isOwner) return
  const why = 'was not set: with `state MASTER` keepalived takes 255, which nobody can outbid. The same is written here'
  draft.report.add('warning', instance, 'priority', why)
}

/** The place is beside a comment that speaks of it, or after the priority. */
function addPreempt(draft: ElectionDraft): void {
  if (draft.entries.some((one) => one.key === 'preempt')) return
  const commented = draft.entries.findIndex((one) => one.above.some((text) => /preempt/i.test(text)))
  const next = draft.entries[commented]
  if (next === undefined) {
    const after = draft.entries.findIndex((one) => one.key === 'priority')
    draft.entries.splice(after + 1, 0, entry('preempt', scalar(true)))
    return
  }
  draft.entries.splice(commented, 1, entry('preempt', scalar(true), { above: next.above }), { ...next, above: [] })
}

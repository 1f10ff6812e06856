import { ip } from '../lab/namespaces.js'
import { pause } from '../lab/wait.js'
import { limitsOf } from './limits.js'
import { listMismatch, loss, neighbour } from './noise.js'
import type { Bounds, Direction } from './outcome.js'
import { HIGH, LOW, type Stage } from './stage.js'

/** Something that is done to a pair, and what is right then. */
export interface Scenario {
  readonly name: string
  readonly title: string
  /** What is done, and what the second figure of a cell is about. */
  readonly done: string
  readonly directions: readonly Direction[]
  /** What counts is how often the other one took over, beside for how long. */
  readonly isCounted?: boolean
  /** vipd on the node with the higher address, for this direction. */
  readonly swapped?: (direction: Direction) => boolean
  readonly play: (stage: Stage) => Promise<void>
}

const both: readonly Direction[] = ['vipd', 'keepalived']

const startOrder: Scenario = {
  name: 'start-order',
  title: 'start order: the lower priority first',
  done: `this one, priority ${LOW}, is master alone; then the other one starts with ${HIGH}`,
  directions: both,
  play: async (stage) => {
    const { seamlessMs, overlapMs } = limitsOf(stage.mode)
    await stage.watch()
    await stage.first.start({ priority: LOW })
    await stage.settled(stage.first, 40_000)
    await stage.phase('takeover', { withoutMs: seamlessMs, twoMs: overlapMs }, async () => {
      await stage.second.start({ priority: HIGH })
      await stage.settled(stage.second)
    })
  }
}

const startTogether: Scenario = {
  name: 'start-together',
  title: 'start order: both at once',
  done: `both start at the same time, this one with ${HIGH}`,
  directions: both,
  play: async (stage) => {
    const { overlapMs } = limitsOf(stage.mode)
    await stage.watch()
    const bounds = { withoutMs: null, twoMs: overlapMs, why: 'nobody owns it before the first election' }
    await stage.phase('election', bounds, async () => {
      await Promise.all([stage.second.start({ priority: LOW }), stage.first.start({ priority: HIGH })])
      await stage.settled(stage.first, 40_000)
    })
  }
}

/** A fault that takes the master away, and its return. */
async function awayAndBack(
  stage: Stage,
  fault: { readonly bounds: Bounds; readonly act: () => Promise<unknown> | unknown },
  back: () => Promise<unknown> | unknown
): Promise<void> {
  const { seamlessMs, overlapMs } = limitsOf(stage.mode)
  await stage.elect()
  await stage.phase('fault', fault.bounds, async () => {
    await fault.act()
    if (fault.bounds.twoMs === null) await stage.answers(stage.second)
    else await stage.settled(stage.second)
  })
  await stage.phase('return', { withoutMs: seamlessMs, twoMs: overlapMs }, async () => {
    await back()
    await stage.settled(stage.first)
  })
}

/** A master that is dead or frozen: vipd's lease ends, keepalived's address stays. */
function silent(stage: Stage): Bounds {
  const { unplannedMs, leaseOverlapMs } = limitsOf(stage.mode)
  return stage.first.kind === 'vipd'
    ? { withoutMs: unplannedMs, twoMs: leaseOverlapMs }
    : { withoutMs: unplannedMs, twoMs: null, why: 'keepalived leaves its address behind' }
}

const killed: Scenario = {
  name: 'kill',
  title: 'kill -9',
  done: 'the master is killed; then started again',
  directions: both,
  play: (stage) =>
    awayAndBack(stage, { bounds: silent(stage), act: () => stage.first.kill() }, () =>
      stage.first.start({ priority: HIGH })
    )
}

const terminated: Scenario = {
  name: 'term',
  title: 'SIGTERM',
  done: 'the master is stopped; then started again',
  directions: both,
  play: (stage) => {
    const { plannedMs, seamlessMs, overlapMs } = limitsOf(stage.mode)
    // vipd keeps the address until the other one has it; keepalived lets go with its last word.
    const bounds = { withoutMs: stage.first.kind === 'vipd' ? seamlessMs : plannedMs, twoMs: overlapMs }
    return awayAndBack(stage, { bounds, act: () => stage.first.terminate() }, () =>
      stage.first.start({ priority: HIGH })
    )
  }
}

const frozen: Scenario = {
  name: 'freeze',
  title: 'SIGSTOP, SIGCONT',
  done: 'the master is frozen until the other one has taken over; then it runs on',
  directions: both,
  play: (stage) =>
    awayAndBack(stage, { bounds: silent(stage), act: () => stage.first.signal('SIGSTOP') }, () =>
      stage.first.signal('SIGCONT')
    )
}

const linkDown: Scenario = {
  name: 'link',
  title: 'link down and up',
  done: 'the master’s cable is pulled out (of a sync group: one member’s); then plugged in again',
  directions: both,
  play: (stage) => {
    const { unplannedMs, overlapMs } = limitsOf(stage.mode)
    const { node } = stage.first
    const bounds = { withoutMs: unplannedMs, twoMs: overlapMs }
    return awayAndBack(stage, { bounds, act: () => stage.lab.unplug(node) }, () => stage.lab.plug(node))
  }
}

const vipDeleted: Scenario = {
  name: 'vip-deleted',
  title: 'VIP deleted by hand',
  done: 'ip address del on the master (of a sync group: one member’s): vipd puts it back; keepalived resigns, and one of the two is elected',
  directions: both,
  play: async (stage) => {
    const { plannedMs, overlapMs, seamlessMs } = limitsOf(stage.mode)
    const { first } = stage
    await stage.elect()
    const [instance] = stage.mode.instances
    const vip = instance?.vips.at(-1) ?? ''
    const withoutMs = first.kind === 'vipd' ? seamlessMs : plannedMs
    await stage.phase('fault', { withoutMs, twoMs: overlapMs }, async () => {
      const length = vip.includes(':') ? 128 : 32
      ip(['-n', first.node.namespace, 'address', 'del', `${vip}/${length}`, 'dev', instance?.interface ?? ''])
      await pause(2 * stage.mode.advertMs)
      await stage.settled(first)
    })
  }
}

const interfaceDeleted: Scenario = {
  name: 'interface',
  title: 'interface deleted and created',
  done: 'the master’s interface is deleted; then made again with the same name and addresses, another index and MAC',
  directions: both,
  play: async (stage) => {
    const { unplannedMs, overlapMs, seamlessMs } = limitsOf(stage.mode)
    const { first, second, lab } = stage
    await stage.elect()
    await stage.phase('fault', { withoutMs: unplannedMs, twoMs: overlapMs }, async () => {
      lab.removeInterface(first.node)
      await stage.settled(second)
    })
    const bounds: Bounds =
      first.kind === 'vipd'
        ? { withoutMs: seamlessMs, twoMs: overlapMs }
        : {
            withoutMs: seamlessMs,
            twoMs: null,
            why: 'keepalived 2.2.x may come back deaf: over IPv6 two of them stay master'
          }
    await stage.phase('return', bounds, async () => {
      lab.createInterface(first.node)
      if (first.kind === 'vipd') return stage.settled(first)
      const back = await stage.settled(first).catch(() => undefined)
      if (back === undefined) stage.notes.push('keepalived 2.2.x did not come back in good order to the new interface')
      return back ?? stage.answers(second)
    })
  }
}

const reload: Scenario = {
  name: 'reload',
  title: 'priority changed by reload',
  done: `the master’s priority becomes 50 (the other one has ${LOW}); then ${HIGH} again`,
  directions: both,
  play: (stage) => {
    const { seamlessMs, overlapMs } = limitsOf(stage.mode)
    const bounds = { withoutMs: seamlessMs, twoMs: overlapMs }
    return awayAndBack(stage, { bounds, act: () => stage.first.reload({ priority: 50 }) }, () =>
      stage.first.reload({ priority: HIGH })
    )
  }
}

/** Parts the two until both own the address, joins them again, and waits until the winner is alone. */
async function splitAndJoin(stage: Stage): Promise<void> {
  const { seamlessMs, overlapMs } = limitsOf(stage.mode)
  const nodes = [stage.first.node, stage.second.node]
  await stage.phase('parted', { withoutMs: seamlessMs, twoMs: null, why: 'neither can hear the other' }, async () => {
    stage.lab.part(nodes, true)
    await Promise.all([stage.answers(stage.first), stage.answers(stage.second)])
  })
  await stage.phase('healed', { withoutMs: seamlessMs, twoMs: overlapMs }, async () => {
    stage.lab.part(nodes, false)
    await stage.settled(stage.first)
  })
}

const partition: Scenario = {
  name: 'partition',
  title: 'partition and heal',
  done: `the two do not hear each other until both are master; healed, this one (${HIGH}) stays`,
  directions: both,
  play: async (stage) => {
    await stage.elect()
    await splitAndJoin(stage)
  }
}

const equal: Scenario = {
  name: 'equal',
  title: 'equal priority',
  done: 'this one has the higher address and comes second: it takes nothing; after a partition it stays',
  directions: both,
  swapped: (direction) => direction !== 'keepalived',
  play: async (stage) => {
    const { seamlessMs } = limitsOf(stage.mode)
    const { first, second, mode } = stage
    await stage.watch()
    await second.start({ priority: LOW })
    await stage.settled(second, 40_000)
    await stage.phase('joined', { withoutMs: seamlessMs, twoMs: seamlessMs }, async () => {
      await first.start({ priority: LOW })
      await pause(5 * mode.advertMs)
      await stage.settled(second)
    })
    await splitAndJoin(stage)
  }
}

/** In the order of the issue. */
export const scenarios: readonly Scenario[] = [
  startOrder,
  startTogether,
  killed,
  terminated,
  frozen,
  linkDown,
  vipDeleted,
  interfaceDeleted,
  reload,
  partition,
  equal,
  neighbour,
  listMismatch,
  loss
]

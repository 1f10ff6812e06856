import { tool } from '../lab/tools.js'
import { pause } from '../lab/wait.js'
import { limitsOf } from './limits.js'
import { type Mode, virtualRouterId } from './modes.js'
import type { Scenario } from './scenarios.js'
import type { Speaker } from './speakers.js'
import { HIGH, LOW } from './stage.js'

/** Scenarios in which both routers are well and something is wrong between them. */

/** Two questions of the judge: so much it may see without anything having happened. */
const NOTHING_MS = 25
const NEIGHBOUR_MS = 10_000
const LOSS_MS = Number(process.env['MATRIX_LOSS_S'] ?? 60) * 1000
/** At 20 % loss three adverts in a row are lost once in 156, a false failover each. Far more than that would be another matter. */
const mostTakeovers = (mode: Mode): number => Math.ceil((LOSS_MS / mode.advertMs / 156) * 4) + 2
/** How vipd says, in its log or its status, that another one advertises other addresses than its own. */
const saysMismatch =
  /address-list-mismatch|advertises other addresses|address(es|_list| list)?[^\n"]*(differ|mismatch)/i

export const neighbour: Scenario = {
  name: 'neighbour',
  title: 'wrong-password neighbour on the same VRID',
  done: 'a third node sends 20 adverts a second with priority 250 and another password (VRRP 2), for 10 s; unicast: to both',
  directions: ['vipd', 'keepalived', 'pair'],
  isCounted: true,
  play: async (stage) => {
    const { lab, mode } = stage
    const [, , m3] = lab.masters
    await stage.elect()
    const before = stage.direction === 'vipd' ? await stage.vipd.counter('become_master') : 0
    const bounds =
      stage.direction === 'vipd'
        ? { withoutMs: NOTHING_MS, twoMs: NOTHING_MS }
        : { withoutMs: null, twoMs: null, why: 'keepalived puts its own advert off at every packet of the VRID' }
    await stage.phase('fault', bounds, async () => {
      const [instance] = mode.instances
      const isIpv6 = instance?.vips[0]?.includes(':') ?? false
      const groups = [isIpv6 ? 'ff02::12' : '224.0.0.18']
      const to = mode.unicast ? [stage.first.node.address, stage.second.node.address] : groups
      const argv = ['bond0', '50', String(virtualRouterId), '250', 'wrong', instance?.vips[0] ?? '', ...to]
      const sender = lab.start(m3, [tool('neighbour'), ...argv])
      await sender.line(/sending/, 3000)
      await pause(NEIGHBOUR_MS)
      await sender.stop('SIGKILL')
    })
    if (stage.direction === 'vipd') {
      const after = await stage.vipd.counter('become_master')
      stage.check(after === before, `vipd became master ${after - before} times meanwhile`)
      const refused = await stage.vipd.counter('rejected')
      // Of another version, or from no peer, a packet may not have come as far as an instance.
      if (mode.version === 2) stage.check(refused > 100, `it refused ${refused} packets`)
    }
  }
}

export const listMismatch: Scenario = {
  name: 'vip-list',
  title: 'VIP-list mismatch',
  done: 'keepalived has one address more than vipd: vipd accepts that and says so; keepalived 2.2.x drops such adverts',
  directions: ['vipd', 'keepalived'],
  play: async (stage) => {
    const { first, second, mode } = stage
    const { seamlessMs } = limitsOf(mode)
    const settingsOf = (one: Speaker, priority: number) => ({
      priority,
      extraVip: one.kind === 'keepalived' && (stage.direction !== 'pair' || one === second)
    })
    await stage.watch()
    await first.start(settingsOf(first, HIGH))
    await stage.settled(first, 40_000)
    const isDropped = stage.direction !== 'keepalived'
    const bounds = isDropped
      ? { withoutMs: seamlessMs, twoMs: null, why: 'two owners: keepalived 2.2.x drops adverts with another list' }
      : { withoutMs: seamlessMs, twoMs: NOTHING_MS }
    await stage.phase('fault', bounds, async () => {
      await second.start(settingsOf(second, LOW))
      await pause(6 * mode.advertMs)
    })
    if (stage.direction !== 'pair') stage.check(await stage.vipd.says(saysMismatch), 'vipd says that the lists differ')
  }
}

export const loss: Scenario = {
  name: 'loss',
  title: '20 % loss',
  done: `nftables drops every fifth VRRP packet at random on both, for ${LOSS_MS / 1000} s`,
  isCounted: true,
  directions: ['vipd', 'keepalived'],
  play: async (stage) => {
    const { lab, first, second, mode } = stage
    await stage.elect()
    const rules =
      'table inet lab { chain input { type filter hook input priority 0; meta l4proto 112 numgen random mod 100 < 20 counter drop; }; }'
    const bounds = { withoutMs: limitsOf(mode).seamlessMs, twoMs: null, why: 'three in a row may be lost' }
    const phase = await stage.phase('fault', bounds, async () => {
      for (const { node } of [first, second]) await lab.run(node, ['nft', rules])
      await pause(LOSS_MS)
      for (const { node } of [first, second]) await lab.run(node, ['nft', 'delete table inet lab'])
      await stage.settled(first)
    })
    const most = mostTakeovers(mode)
    stage.check(phase.takeovers <= most, `${phase.takeovers} false failovers are at most ${most}`)
    const longest = phase.figures.longestTwoMs
    stage.check(
      longest <= 3.5 * mode.advertMs,
      `two owners for ${longest.toFixed()} ms at once is at most three and a half intervals`
    )
  }
}

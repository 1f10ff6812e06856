import { pause } from '../../lab/wait.js'
import { tally, yes } from '../facts.js'
import type { Scenario } from '../scenario.js'
import { clientAddresses, type Stage } from '../stage.js'
import { cfg } from './common.js'

/** Which server a client gets. */

const weighted = { a: 'weight 5', b: 'weight 3', c: 'weight 1' }
const abc = { a: '', b: '', c: '' }
const named = { a: {}, b: {}, c: {} }

const rounds = (turns: string, length: number): string => {
  const words = turns.split(' ')
  const cut: string[] = []
  for (let at = 0; at < words.length; at += length) cut.push(words.slice(at, at + length).join(' '))
  return cut.join(' | ')
}

const sorted = (turns: string): string => tally(turns.split(' '))

/** Which server each of the client's addresses gets: { address: name }. */
async function bySource(stage: Stage): Promise<Map<string, string>> {
  const got = new Map<string, string>()
  for (const from of clientAddresses) got.set(from, await stage.turns(1, { from }))
  return got
}

export const balancing: readonly Scenario[] = [
  {
    name: 'roundrobin-weights',
    title: 'roundrobin with weights 5, 3, 1: each cycle of nine has exactly that, spread out, the heaviest first',
    cases: [16],
    cfg: cfg({ app: 'balance roundrobin', servers: weighted }),
    servers: named,
    play: async (stage) => {
      const turns = await stage.turns(18)
      return {
        turns: rounds(turns, 9),
        'each cycle': [...new Set(rounds(turns, 9).split(' | ').map(sorted))].join(' | '),
        first: turns[0] ?? ''
      }
    },
    facts: { turns: 'a a b a c b a a b | a a b a c b a a b', 'each cycle': 'a 5, b 3, c 1', first: 'a' },
    vipd: {
      facts: { turns: 'a b a c a b a b a | a b a c a b a b a' },
      why: 'Both spread each server’s turns over the cycle; by smooth weighted round robin no server comes twice in a row within it.'
    }
  },
  {
    name: 'roundrobin-rejoin',
    title:
      'roundrobin: a server that leaves is skipped at once; one that comes back joins within a cycle, without a burst',
    cases: [16],
    cfg: cfg({ app: 'balance roundrobin', servers: abc }),
    servers: named,
    play: async (stage) => {
      const before = await stage.turns(6)
      await stage.proxy.order('b', 'maint')
      const without = await stage.turns(6)
      await stage.proxy.order('b', 'ready')
      const back = await stage.turns(9)
      return {
        before: sorted(before),
        'without b': sorted(without),
        'b is back': yes(back.split(' ').slice(0, 4).includes('b'), back),
        'no burst': yes(!back.includes('b b'), back),
        'its share': yes(Math.abs(back.split('b').length - 1 - 3) <= 1, back)
      }
    },
    facts: {
      before: 'a 2, b 2, c 2',
      'without b': 'a 3, c 3',
      'b is back': 'yes',
      'no burst': 'yes',
      'its share': 'yes'
    }
  },
  {
    name: 'restarted-server',
    title: 'roundrobin: a server that was away while its clients went to the other one comes back',
    importSays: ['balance_factor'],
    cfg: cfg({ app: 'balance roundrobin', servers: { a: '', b: '' } }),
    servers: { a: {}, b: {} },
    play: async (stage) => {
      await stage.proxy.order('b', 'maint')
      await stage.turns(20, { leave: 'hold' })
      await stage.proxy.order('b', 'ready')
      const next = await stage.turns(10, { leave: 'hold' })
      return { 'of 10 that come then and stay (a has 20)': sorted(next) }
    },
    facts: { 'of 10 that come then and stay (a has 20)': 'a 5, b 5' },
    vipd: {
      facts: { 'of 10 that come then and stay (a has 20)': 'b 10' },
      why: 'Connections to an apiserver last for hours: counted in turns a restarted one stays nearly empty until the next failure. vipd passes over a server that has more than 125 % of its share (`balance_factor`; 0 is strictly in turn).'
    }
  },
  {
    name: 'static-rr',
    title: 'static-rr with weights 5, 3, 1: each cycle has exactly that',
    cases: [16],
    cfg: cfg({ app: 'balance static-rr', servers: weighted }),
    servers: named,
    play: async (stage) => {
      const turns = await stage.turns(18)
      return { 'each cycle': [...new Set(rounds(turns, 9).split(' | ').map(sorted))].join(' | ') }
    },
    facts: { 'each cycle': 'a 5, b 3, c 1' }
  },
  {
    name: 'leastconn',
    title: 'leastconn: the server with the fewest sessions for its weight',
    cfg: cfg({ app: 'balance leastconn', servers: { a: 'weight 2', b: 'weight 1', c: 'weight 1' } }),
    servers: named,
    play: async (stage) => {
      const first = await stage.turns(8, { leave: 'hold' })
      const held = stage.server('b').accepted
      // Those of b leave; the next ones go there.
      for (const one of held) await one.end()
      await stage.until(async () => (await stage.proxy.counts()).servers['b']?.current === 0, 'b without sessions')
      const next = await stage.turns(2, { leave: 'hold' })
      return { 'of 8 that stay': sorted(first), 'after those of b have left': next }
    },
    facts: { 'of 8 that stay': 'a 4, b 2, c 2', 'after those of b have left': 'b b' }
  },
  {
    name: 'slowstart',
    title: 'leastconn: a server that recovers takes its share slowly (`slowstart`)',
    cases: [18],
    isLong: true,
    cfg: cfg({
      app: 'balance leastconn',
      servers: { a: 'check inter 100ms fall 2 slowstart 8s', b: 'check inter 100ms fall 2 slowstart 8s' }
    }),
    servers: { a: {}, b: {} },
    play: async (stage) => {
      await stage.untilServer('a', 'UP')
      await stage.untilServer('b', 'UP')
      await stage.server('b').close()
      await stage.untilServer('b', 'DOWN')
      await stage.turns(32, { leave: 'hold' })
      await stage.serve('b')
      await stage.untilServer('b', 'UP')
      const early = (await stage.turns(16, { leave: 'hold' })).split(' ').filter((name) => name === 'b').length
      await pause(9500)
      await stage.turns(40, { leave: 'hold' })
      const { servers } = await stage.proxy.counts()
      const [a, b] = [servers['a']?.current ?? 0, servers['b']?.current ?? 0]
      return {
        'of 16 that come at once (a has 32)': early === 0 ? 'none' : early <= 8 ? 'at most half' : `${early} to b`,
        'when it is warm': Math.abs(a - b) <= 8 ? 'about as many as the other' : `a ${a}, b ${b}`
      }
    },
    facts: { 'of 16 that come at once (a has 32)': 'at most half', 'when it is warm': 'about as many as the other' }
  },
  {
    name: 'first',
    title: 'first: the first server until it is full, then the next',
    cfg: cfg({ app: 'balance first', servers: { a: 'maxconn 3', b: 'maxconn 2', c: '' } }),
    servers: named,
    play: async (stage) => {
      const turns = await stage.turns(7, { leave: 'hold' })
      await stage.server('a').accepted[1]?.end()
      await stage.until(async () => (await stage.proxy.counts()).servers['a']?.current === 2, 'a slot at a')
      return { 'of 7 that stay': turns, 'after one of a has left': await stage.turns(1) }
    },
    facts: { 'of 7 that stay': 'a a a b b c c', 'after one of a has left': 'a' }
  },
  {
    name: 'source',
    title: 'source: an address always gets the same server, and not all get the same',
    cfg: cfg({ app: 'balance source', servers: abc }),
    servers: named,
    play: async (stage) => {
      const [one, two] = [await bySource(stage), await bySource(stage)]
      const same = [...one].every(([from, name]) => two.get(from) === name)
      await stage.proxy.order('b', 'maint')
      const without = await bySource(stage)
      return {
        'the same again': yes(same),
        'servers that are used': [...new Set(one.values())].sort().join(' '),
        'without b': [...new Set(without.values())].sort().join(' ')
      }
    },
    facts: { 'the same again': 'yes', 'servers that are used': 'a b c', 'without b': 'a c' }
  },
  {
    name: 'consistent',
    title: 'source with `hash-type consistent`: when a server leaves, only its clients move',
    cfg: cfg({
      app: 'balance source\nhash-type consistent',
      servers: { a: 'weight 50', b: 'weight 50', c: 'weight 50' }
    }),
    servers: named,
    play: async (stage) => {
      const before = await bySource(stage)
      await stage.proxy.order('b', 'maint')
      const without = await bySource(stage)
      await stage.proxy.order('b', 'ready')
      const after = await bySource(stage)
      const moved = [...before].filter(([from, name]) => name !== 'b' && without.get(from) !== name)
      const back = [...before].every(([from, name]) => after.get(from) === name)
      return {
        'servers that are used': [...new Set(before.values())].sort().join(' '),
        'others’ clients that moved': `${moved.length}`,
        'all as before when it is back': yes(back)
      }
    },
    facts: {
      'servers that are used': 'a b c',
      'others’ clients that moved': '0',
      'all as before when it is back': 'yes'
    }
  },
  {
    name: 'random',
    title: 'random(2): of two drawn by lot, the one with fewer sessions',
    cfg: cfg({ app: 'balance random(2)', servers: abc }),
    servers: named,
    play: async (stage) => {
      await stage.turns(90, { leave: 'hold' })
      const { servers } = await stage.proxy.counts()
      const each = Object.values(servers).map(({ current }) => current)
      return {
        'of 90 that stay each server has 25 to 35': yes(
          each.every((count) => count >= 25 && count <= 35),
          each.join(' ')
        )
      }
    },
    facts: { 'of 90 that stay each server has 25 to 35': 'yes' }
  },
  {
    name: 'backup',
    title: 'A backup gets clients when no other server can, and only the first of them',
    cases: [17],
    cfg: cfg({ servers: { a: '', b: '', c: 'backup', d: 'backup' } }),
    servers: { ...named, d: {} },
    play: async (stage) => {
      const usual = await stage.turns(6)
      await stage.proxy.order('a', 'maint')
      const one = await stage.turns(4)
      await stage.proxy.order('b', 'maint')
      const none = await stage.turns(6)
      await stage.proxy.order('a', 'ready')
      const back = await stage.turns(3)
      return {
        usual: sorted(usual),
        'without a': sorted(one),
        'without a and b': sorted(none),
        'a is back': sorted(back)
      }
    },
    facts: { usual: 'a 3, b 3', 'without a': 'b 4', 'without a and b': 'c 6', 'a is back': 'a 3' }
  },
  {
    name: 'allbackups',
    title: 'With `allbackups` all backups share',
    cases: [17],
    cfg: cfg({ app: 'option allbackups', servers: { a: '', c: 'backup', d: 'backup' } }),
    servers: { a: {}, c: {}, d: {} },
    play: async (stage) => {
      await stage.proxy.order('a', 'maint')
      return { 'without a': sorted(await stage.turns(6)) }
    },
    facts: { 'without a': 'c 3, d 3' }
  },
  {
    name: 'weights-at-run-time',
    title: 'A server’s weight is changed while it runs; 0 takes no new clients',
    cfg: cfg({ app: 'balance roundrobin', servers: { a: 'weight 10', b: 'weight 10' } }),
    servers: { a: {}, b: {} },
    play: async (stage) => {
      const equal = await stage.turns(8)
      await stage.proxy.order('a', { weight: 30 })
      const heavier = await stage.turns(16)
      await stage.proxy.order('a', { weight: 0 })
      const none = await stage.turns(4)
      return { '10 and 10': sorted(equal), '30 and 10': sorted(heavier), '0 and 10': sorted(none) }
    },
    facts: { '10 and 10': 'a 4, b 4', '30 and 10': 'a 12, b 4', '0 and 10': 'b 4' }
  }
]

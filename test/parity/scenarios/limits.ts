import { nowMs, pause } from '../../lab/wait.js'
import { about, atOnce, logged, tally, yes } from '../facts.js'
import type { Peer } from '../remote.js'
import type { Scenario } from '../scenario.js'
import { clientAddresses, type Stage } from '../stage.js'
import { cfg } from './common.js'

/** Limits and queues: who waits, how long, and who is turned away. */

const IDLE = 2000

/** Clients that have come one after the other, none of them served yet. */
async function line(stage: Stage, count: number): Promise<Peer[]> {
  const peers: Peer[] = []
  for (let index = 0; index < count; index++) {
    peers.push(await stage.connect())
    await stage.until(async () => (await stage.proxy.counts()).queued >= index + 1, `${index + 1} in the queue`)
  }
  return peers
}

export const limits: readonly Scenario[] = [
  {
    name: 'frontend-maxconn',
    title: 'Beyond the frontend’s `maxconn` a client is connected, waits, and is served when one leaves',
    cases: [14],
    cfg: cfg({ app: 'maxconn 2' }),
    servers: { a: {} },
    play: async (stage) => {
      const [one, two] = [await (await stage.connect()).heard('a'), await (await stage.connect()).heard('a')]
      const third = await stage.connect()
      await pause(1000)
      const before = `${third.state}, heard ${third.bytes} bytes`
      const from = nowMs()
      await one.end()
      await third.heard('a')
      const took = third.heardAt - from
      await Promise.all([two.end(), third.end()])
      return {
        'the third, for 1 s': before,
        'served after one has left': atOnce(took, 1500),
        log: logged(await stage.log(third))
      }
    },
    facts: { 'the third, for 1 s': 'open, heard 0 bytes', 'served after one has left': 'at once', log: '-- a' }
  },
  {
    name: 'no-descriptors',
    title: 'Out of descriptors: those who are served are not touched, nothing spins, and it goes on when some are free',
    cases: [14],
    cfg: cfg({ defaults: 'retries 0' }),
    servers: { a: {} },
    play: async (stage) => {
      await stage.turns(2)
      // Below what it asked for at its start: it cannot know.
      const limit = Math.max(60, stage.files() + 30)
      await stage.run('proxy', ['prlimit', `--pid=${stage.proxy.pid}`, `--nofile=${limit}:${limit}`])
      const peers: Peer[] = []
      for (let index = 0; index < 60; index++) peers.push(await stage.connect())
      await pause(1500)
      const served = peers.filter(({ bytes }) => bytes > 0)
      const others = peers.filter(({ bytes }) => bytes === 0)
      const letGo = others.filter(({ endings }) => endings.length > 0)
      const cpu = stage.cpuMs()
      await pause(1000)
      const spent = stage.cpuMs() - cpu
      const intact = served.filter(({ endings }) => endings.length === 0).length
      for (const one of served) await one.reset()
      const waiting = others.filter(({ endings }) => endings.length === 0)
      if (waiting.length > 0) await stage.until(() => waiting.some(({ bytes }) => bytes > 0), 'one of those who waited')
      for (const one of waiting) await one.reset().catch(() => undefined)
      const one = async (): Promise<boolean> => (await stage.turns(1, { deadlineMs: 1000 })) === 'a'
      return {
        'some are served': yes(served.length >= 5, `${served.length}`),
        'they are not touched': yes(intact === served.length, `${intact} of ${served.length}`),
        'the others': letGo.length === 0 ? 'wait, and are served when others leave' : 'are let go',
        'busy for less than half of the time': yes(spent < 500, `${spent} ms in 1 s`),
        'serves again': yes(await stage.until(one, 'a new client being served'))
      }
    },
    facts: {
      'some are served': 'yes',
      'they are not touched': 'yes',
      'the others': 'are let go',
      'busy for less than half of the time': 'yes',
      'serves again': 'yes'
    },
    vipd: {
      facts: { 'the others': 'wait, and are served when others leave' },
      why: 'haproxy accepts clients that it then cannot connect to a server, lets them go, and has no descriptor left for a word in its log. In vipd those that cannot be served wait in the kernel’s queue until there are descriptors again.'
    }
  },
  {
    name: 'server-maxconn-fifo',
    title: 'Beyond a server’s `maxconn` clients wait, first come, first served',
    cases: [15],
    cfg: cfg({ defaults: 'timeout queue 20s', servers: { a: 'maxconn 1' } }),
    servers: { a: {} },
    play: async (stage) => {
      const first = await (await stage.connect()).heard('a')
      const queue = await line(stage, 4)
      await pause(200)
      const early = queue.filter(({ bytes }) => bytes > 0).length
      const order: string[] = []
      let current = first
      while (order.length < queue.length) {
        await current.end()
        const next = await stage.until(
          () => queue.find((one) => one.bytes > 0 && !order.includes(one.id)) ?? false,
          'the next one being served'
        )
        order.push(next.id)
        current = next
      }
      await current.end()
      const log = await stage.log(current)
      return {
        'served while the slot is taken': `${early}`,
        'in the order in which they came': yes(order.join() === queue.map(({ id }) => id).join(), order.join(' ')),
        log: `${logged(log)}, waited: ${yes(log.queueMs >= 150)}`
      }
    },
    facts: { 'served while the slot is taken': '0', 'in the order in which they came': 'yes', log: '-- a, waited: yes' }
  },
  {
    name: 'queue-timeout',
    title: '`timeout queue` lets a client go that has waited so long',
    cases: [15],
    cfg: cfg({ defaults: 'timeout queue 1s', servers: { a: 'maxconn 1' } }),
    servers: { a: {} },
    play: async (stage) => {
      const first = await (await stage.connect()).heard('a')
      const from = nowMs()
      const second = await stage.connect()
      const { ending, at } = await second.ended()
      const log = await stage.log(second)
      const state = first.state
      await first.end()
      return { client: ending, when: about(at - from, 1), log: logged(log), 'the one who was served': state }
    },
    facts: { client: 'eof', when: 'about 1 s', log: 'sQ no server', 'the one who was served': 'open' }
  },
  {
    name: 'leaves-the-queue',
    title: 'A client that leaves while it waits leaves the queue, and the next one is served',
    cfg: cfg({ defaults: 'timeout queue 20s', servers: { a: 'maxconn 1' } }),
    servers: { a: {} },
    play: async (stage) => {
      const first = await (await stage.connect()).heard('a')
      const [second, third] = await line(stage, 2)
      if (second === undefined || third === undefined) throw new Error('no queue')
      await second.end()
      const { at } = await second.ended()
      const log = await stage.log(second)
      await first.end()
      await third.heard('a')
      await third.end()
      return {
        'its end': second.state,
        log: logged(log),
        when: atOnce(at - second.connectedAt, 2000),
        'the next one': 'is served'
      }
    },
    facts: { 'its end': 'eof', log: 'CQ no server', when: 'at once', 'the next one': 'is served' }
  },
  {
    name: 'queue-flushed',
    title: 'Clients that wait for a server that goes down are let go where there is no other',
    cfg: cfg({
      defaults: 'timeout queue 3s',
      servers: { a: 'maxconn 1 check inter 200ms fall 2 on-marked-down shutdown-sessions' }
    }),
    servers: { a: {} },
    play: async (stage) => {
      await stage.untilServer('a', 'UP')
      const first = await (await stage.connect()).heard('a')
      const [second] = await line(stage, 1)
      if (second === undefined) throw new Error('no queue')
      await stage.server('a').close()
      const down = await stage.untilServer('a', 'DOWN')
      const { ending, at } = await second.ended()
      await first.ended()
      return {
        'who waited': ending,
        'after the server went down': at - down < 1000 ? 'at once' : 'at timeout queue',
        log: logged(await stage.log(second)),
        'who was served': logged(await stage.log(first))
      }
    },
    facts: {
      'who waited': 'eof',
      'after the server went down': 'at timeout queue',
      log: 'sQ no server',
      'who was served': 'D- a'
    },
    vipd: {
      facts: { 'who waited': 'reset', 'after the server went down': 'at once', log: 'SC no server' },
      why: 'There is nothing left to wait for: the client is told at once, as every other one while no server is usable. (haproxy of later versions empties the queue too.)'
    }
  },
  {
    name: 'queue-full',
    title: 'Beyond `maxqueue` a client is let go at once',
    importSays: ['maxqueue'],
    cfg: cfg({ defaults: 'timeout queue 1500ms', app: 'balance source', servers: { a: 'maxconn 1 maxqueue 1' } }),
    servers: { a: {} },
    play: async (stage) => {
      const first = await (await stage.connect()).heard('a')
      const [second] = await line(stage, 1)
      const from = nowMs()
      const third = await stage.connect()
      const { ending, at } = await third.ended()
      await second?.ended()
      await first.end()
      return {
        client: ending,
        when: at - from < 700 ? 'at once' : about(at - from, 1.5),
        log: logged(await stage.log(third))
      }
    },
    facts: { client: 'eof', when: 'at once', log: 'SQ a' },
    vipd: {
      facts: { when: 'about 1.5 s', log: 'sQ no server' },
      why: 'vipd has no `maxqueue`, and its import says so: whoever waits, waits for `timeout queue`.'
    }
  },
  {
    name: 'rate-limit',
    title: '`rate-limit sessions`: more clients than that in a second wait, none is turned away',
    cfg: cfg({ app: 'rate-limit sessions 5' }),
    servers: { a: {} },
    play: async (stage) => {
      const from = nowMs()
      const seen = await stage.visits(15, { together: 15 })
      const took = nowMs() - from
      return {
        clients: tally(seen.map(({ said, outcome }) => (outcome === 'ok' ? said : outcome))),
        'the last of 15 (5 a second)': about(took, 2, { sooner: 0.6, later: 2 })
      }
    },
    facts: { clients: 'a 15', 'the last of 15 (5 a second)': 'about 2 s' }
  },
  {
    name: 'source-limit',
    title: 'Of one address only so many at once; more are reset, other addresses are not touched',
    importSays: ['source_maxconn'],
    cfg: cfg({
      app: 'stick-table type ip size 1000 expire 30s store conn_cur\ntcp-request connection track-sc0 src\ntcp-request connection reject if { sc0_conn_cur gt 2 }'
    }),
    vipdService: { source_maxconn: 2 },
    servers: { a: {} },
    play: async (stage) => {
      const from = clientAddresses[0] ?? ''
      const held = [await (await stage.connect({ from })).heard('a'), await (await stage.connect({ from })).heard('a')]
      const third = await stage.connect({ from })
      await third.ended()
      const other = await stage.turns(1, { from: clientAddresses[1] ?? '' })
      const state = third.state
      await held[0]?.end()
      await held[0]?.ended()
      await pause(100)
      const after = await stage.turns(1, { from })
      return { 'the third of one address': state, 'of another address': other, 'when one has left': after }
    },
    facts: { 'the third of one address': 'reset', 'of another address': 'a', 'when one has left': 'a' }
  },
  {
    name: 'idle-memory',
    title: '2,000 idle sessions',
    cases: [22],
    cfg: cfg({}),
    servers: { a: {} },
    play: async (stage) => {
      await stage.visits(50)
      await pause(200)
      const before = stage.memory()
      const seen = await stage.visits(IDLE, { leave: 'hold', together: 20 })
      await pause(500)
      const each = (stage.memory() - before) / IDLE
      const { current } = await stage.proxy.counts()
      await stage.client.release('rst')
      return {
        sessions: `${current}`,
        'all were served': yes(seen.every(({ outcome }) => outcome === 'ok')),
        'memory for each is under 10 KiB': yes(each < 10_240, `${each.toFixed()} bytes`)
      }
    },
    facts: { sessions: `${IDLE}`, 'all were served': 'yes', 'memory for each is under 10 KiB': 'yes' }
  }
]

import { nowMs, pause } from '../../lab/wait.js'
import { about, atOnce, logged, tally, yes } from '../facts.js'
import type { Scenario } from '../scenario.js'
import type { Stage } from '../stage.js'
import { cfg } from './common.js'

/** What a client sees while the proxy looks for a server. */

const abc = { a: '', b: '', c: '' }

/** One client until its end; nobody serves it. */
async function unserved(stage: Stage) {
  const began = nowMs()
  const client = await stage.connect()
  const { ending, at } = await client.ended()
  return { client, ending, tookMs: at - began }
}

export const connecting: readonly Scenario[] = [
  {
    name: 'all-refuse-redispatch',
    title: 'Where every server refuses and `redispatch` is on, the client is let go at once',
    cases: [6],
    cfg: cfg({ defaults: 'retries 3\noption redispatch', servers: abc }),
    servers: {},
    play: async (stage) => {
      const { client, ending, tookMs } = await unserved(stage)
      const log = await stage.log(client)
      return {
        client: ending,
        when: atOnce(tookMs),
        log: `${log.termination}, ${log.retries} retries, redispatched: ${yes(log.isRedispatched)}`
      }
    },
    facts: { client: 'eof', when: 'at once', log: 'SC, 3 retries, redispatched: yes' }
  },
  {
    name: 'all-refuse',
    title: 'Where the server refuses and there is no `redispatch`, it is tried again each second, `retries` times',
    cases: [6],
    cfg: cfg({ defaults: 'retries 3', servers: abc }),
    servers: {},
    play: async (stage) => {
      const { client, ending, tookMs } = await unserved(stage)
      return { client: ending, when: about(tookMs, 3), log: logged(await stage.log(client)) }
    },
    facts: { client: 'eof', when: 'about 3 s', log: 'SC a, 3 retries' }
  },
  {
    name: 'comes-while-retrying',
    title: 'A server that comes back while a client is retried serves it',
    cases: [6],
    cfg: cfg({ defaults: 'retries 3' }),
    servers: {},
    play: async (stage) => {
      const began = nowMs()
      const client = await stage.connect()
      await pause(1400)
      await stage.serve('a')
      await client.heard('a')
      const tookMs = client.heardAt - began
      await client.end()
      await client.ended()
      return { 'served after': about(tookMs, 2), log: logged(await stage.log(client)) }
    },
    facts: { 'served after': 'about 2 s', log: '-- a, 2 retries' }
  },
  {
    name: 'one-good-of-three',
    title: 'With one good server of three that are thought to be up, 1,000 clients in a row see no error',
    cases: [7],
    cfg: cfg({ defaults: 'retries 3\noption redispatch', servers: abc }).replace('option tcplog', ''),
    servers: { b: {} },
    play: async (stage) => {
      const seen = await stage.visits(1000)
      const longest = Math.max(...seen.map(({ tookMs }) => tookMs))
      return {
        clients: tally(seen.map(({ said, outcome }) => (outcome === 'ok' ? `served by ${said}` : outcome))),
        'each within a second': yes(longest < 1000, `${longest.toFixed()} ms`)
      }
    },
    facts: { clients: 'served by b 1000', 'each within a second': 'yes' }
  },
  {
    name: 'black-hole-redispatch',
    title: 'A black-holed server costs a client one `timeout connect`, then another server serves it',
    cases: [8],
    cfg: cfg({ defaults: 'timeout connect 1s\nretries 3\noption redispatch', servers: { a: '', b: '' } }),
    servers: { a: {}, b: {} },
    play: async (stage) => {
      await stage.blackhole('a')
      const seen = await stage.visits(4, { together: 4 })
      const slow = seen.filter(({ tookMs }) => tookMs > 700)
      const port = slow[0]?.port ?? 0
      return {
        clients: tally(seen.map(({ said, outcome }) => (outcome === 'ok' ? `served by ${said}` : outcome))),
        'clients that waited': `${slow.length}`,
        'each for': slow.every(({ tookMs }) => about(tookMs, 1) === 'about 1 s')
          ? 'about 1 s'
          : tally(slow.map(({ tookMs }) => `${tookMs.toFixed()} ms`)),
        log: logged(await stage.log({ port }))
      }
    },
    facts: {
      clients: 'served by b 4',
      'clients that waited': '2',
      'each for': 'about 1 s',
      log: '-- b, 1 retry, redispatched'
    }
  },
  {
    name: 'black-hole-all',
    title: 'Where all are black-holed a client is let go after `timeout connect` for each attempt',
    cases: [8],
    cfg: cfg({ defaults: 'timeout connect 500ms\nretries 3' }),
    servers: { a: {} },
    play: async (stage) => {
      await stage.blackhole('a')
      const { client, ending, tookMs } = await unserved(stage)
      return { client: ending, when: about(tookMs, 2), log: logged(await stage.log(client)) }
    },
    facts: { client: 'eof', when: 'about 2 s', log: 'sC a, 3 retries' }
  },
  {
    name: 'no-server',
    title: 'Where no server is usable a client is let go at once',
    cfg: cfg({ servers: { a: 'disabled' } }),
    servers: { a: {} },
    play: async (stage) => {
      const { ending, tookMs } = await unserved(stage)
      return { client: ending, when: atOnce(tookMs), log: logged(await stage.firstLog()) }
    },
    facts: { client: 'eof', when: 'at once', log: 'SC no server' },
    vipd: {
      facts: { client: 'reset' },
      why: 'A client that is reset knows that nobody serves and tries elsewhere or again; one that gets an orderly end takes it for a broken server (“unexpected EOF”).'
    }
  },
  {
    name: 'leaves-while-connecting',
    title: 'A client that says nothing and leaves while its server is being connected ends the attempt',
    cfg: cfg({ defaults: 'timeout connect 3s' }),
    servers: { a: {} },
    play: async (stage) => {
      await stage.blackhole('a')
      const client = await stage.connect()
      await pause(200)
      const began = nowMs()
      await client.end()
      const { at } = await client.ended()
      return { 'over after its FIN': atOnce(at - began), log: logged(await stage.log(client)) }
    },
    facts: { 'over after its FIN': 'at once', log: 'CC a' }
  },
  {
    name: 'asks-and-half-closes',
    title: 'A client that has said something and sent its FIN is still served, when the server comes',
    cfg: cfg({ defaults: 'retries 3' }),
    servers: {},
    play: async (stage) => {
      const client = await stage.connect()
      await client.say('question')
      await client.end()
      await pause(1400)
      const before = client.state
      const a = await stage.serve('a', { hello: '', onEnd: 'keep' })
      const server = await a.connection()
      await server.ended()
      await server.say('answer')
      await client.heard('answer')
      await server.end()
      await client.ended()
      return {
        'before the server came': before,
        server: `${server.text}, ${server.state}`,
        client: `${client.text}, ${client.state}`,
        log: logged(await stage.log(client))
      }
    },
    facts: {
      'before the server came': 'open',
      server: 'question, eof',
      client: 'answer, eof',
      log: '-- a, 2 retries'
    }
  },
  {
    name: 'abortonclose',
    title: 'With `option abortonclose` a client’s FIN ends the attempt though it has said something',
    cfg: cfg({ defaults: 'timeout connect 2s\nretries 0\noption abortonclose' }),
    servers: { a: {} },
    play: async (stage) => {
      await stage.blackhole('a')
      const client = await stage.connect()
      await client.say('question')
      await pause(200)
      const began = nowMs()
      await client.end()
      const { at } = await client.ended()
      return {
        'over after its FIN': at - began < 1000 ? 'at once' : 'when the attempt is over',
        log: logged(await stage.log(client))
      }
    },
    facts: { 'over after its FIN': 'at once', log: 'CC a' }
  },
  {
    name: 'ports-exhausted',
    title: 'Where no local port is left for a connection to a server, the client is let go and others are not touched',
    cfg: cfg({ defaults: 'retries 1' }),
    servers: { a: {} },
    play: async (stage) => {
      // Those of the one that was here before may still be in TIME-WAIT.
      const range = stage.side === 'haproxy' ? '40000 40003' : '41000 41003'
      await stage.run('proxy', ['sh', '-c', `echo ${range} > /proc/sys/net/ipv4/ip_local_port_range`])
      const held = []
      for (let index = 0; index < 4; index++) held.push(await (await stage.connect()).heard('a'))
      const client = await stage.connect()
      const { ending } = await client.ended()
      const others = tally(held.map(({ state }) => state))
      const log = await stage.log(client)
      await held[0]?.reset()
      await stage.until(async () => (await stage.proxy.counts()).current === 3, 'three sessions')
      const after = await stage.turns(1)
      return { client: ending, log: log.termination, others, 'when a port is free again': after }
    },
    facts: { client: 'eof', log: 'SC', others: 'open 4', 'when a port is free again': 'a' },
    vipd: {
      facts: { log: 'RC' },
      why: '`RC` is the state for what the proxy itself has run out of; `SC` would blame the server.'
    }
  },
  {
    name: 'unreachable',
    title: 'A server whose host the network cannot reach is left for another at once',
    cfg: cfg({ defaults: 'retries 3\noption redispatch', servers: { a: '', b: '' } }),
    servers: { a: {}, b: {} },
    play: async (stage) => {
      await stage.run('proxy', ['ip', 'route', 'add', 'unreachable', '10.77.0.21/32'])
      const seen = await stage.visits(10)
      const longest = Math.max(...seen.map(({ tookMs }) => tookMs))
      await stage.run('proxy', ['ip', 'route', 'del', 'unreachable', '10.77.0.21/32'])
      return {
        clients: tally(seen.map(({ said, outcome }) => (outcome === 'ok' ? said : outcome))),
        each: atOnce(longest)
      }
    },
    facts: { clients: 'b 10', each: 'at once' }
  }
]

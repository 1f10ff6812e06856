import { nowMs, pause } from '../../lab/wait.js'
import { about, logged } from '../facts.js'
import type { Scenario } from '../scenario.js'
import type { Stage } from '../stage.js'
import { cfg, WHY_RESET } from './common.js'

/** Idle sessions and half-closed ones. */

/** A client that says something each 300 ms for so long, to a server that says nothing. @returns when it last did */
async function talk(stage: Stage, forMs: number) {
  const client = await stage.connect()
  const server = await stage.server('a').connection()
  const end = nowMs() + forMs
  while (nowMs() < end) {
    await client.say('.')
    await pause(300)
  }
  await pause(50)
  return { client, server, last: server.heardAt }
}

/** A session in which nobody says a word, until it is cut. */
async function silence(stage: Stage) {
  const client = await stage.connect()
  const server = await stage.server('a').connection()
  const [atClient, atServer] = await Promise.all([client.ended(), server.ended()])
  return { client, server, tookMs: Math.min(atClient.at, atServer.at) - server.openedAt }
}

export const timeouts: readonly Scenario[] = [
  {
    name: 'server-timeout',
    title:
      '`timeout server` counts from the last byte either way on the server’s side, and one-way traffic refreshes it',
    cases: [4],
    cfg: cfg({ defaults: 'timeout server 1s' }),
    servers: { a: { hello: '' } },
    play: async (stage) => {
      const { client, server, last } = await talk(stage, 2200)
      const before = client.state
      const { at } = await client.ended()
      await server.ended()
      return {
        'while the client talks, for 2.2 s': before,
        'cut after the last byte': about(at - last, 1, { sooner: 0.1 }),
        client: client.state,
        server: server.state,
        log: logged(await stage.log(client))
      }
    },
    facts: {
      'while the client talks, for 2.2 s': 'open',
      'cut after the last byte': 'about 1 s',
      client: 'eof',
      server: 'eof',
      log: 'sD a'
    }
  },
  {
    name: 'client-timeout',
    title: '`timeout client` cuts a session in which the client’s side is idle',
    cases: [4],
    cfg: cfg({ defaults: 'timeout client 1s' }),
    servers: { a: { hello: '' } },
    play: async (stage) => {
      const { client, server, tookMs } = await silence(stage)
      return {
        'cut after': about(tookMs, 1),
        client: client.state,
        server: server.state,
        log: logged(await stage.log(client))
      }
    },
    facts: { 'cut after': 'about 1 s', client: 'eof', server: 'eof', log: 'cD a' },
    vipd: { facts: { server: 'reset' }, why: WHY_RESET }
  },
  {
    name: 'tunnel-timeout',
    title: '`timeout tunnel` replaces those of client and server, longer or shorter',
    cases: [5],
    cfg: cfg({ defaults: 'timeout client 300ms\ntimeout server 300ms\ntimeout tunnel 1500ms' }),
    servers: { a: { hello: '' } },
    play: async (stage) => {
      const { client, server, tookMs } = await silence(stage)
      return {
        'cut after': about(tookMs, 1.5),
        client: client.state,
        server: server.state,
        log: logged(await stage.log(client))
      }
    },
    facts: { 'cut after': 'about 1.5 s', client: 'eof', server: 'reset', log: 'cD a' }
  },
  {
    name: 'client-fin-timeout',
    title: '`timeout client-fin` cuts a session whose client has sent its FIN and whose server says nothing',
    cases: [5],
    cfg: cfg({ defaults: 'timeout client-fin 1s\ntimeout server-fin 1s' }),
    servers: { a: { hello: '', onEnd: 'keep' } },
    play: async (stage) => {
      const client = await stage.connect()
      const server = await stage.server('a').connection()
      await client.end()
      const { at: half } = await server.ended()
      const { at } = await client.ended()
      return {
        'cut after the FIN': about(at - half, 1),
        client: client.state,
        log: logged(await stage.log(client))
      }
    },
    facts: { 'cut after the FIN': 'about 1 s', client: 'eof', log: 'sD a' }
  },
  {
    name: 'server-fin-timeout',
    title: '`timeout server-fin` cuts a session whose server has sent its FIN and whose client keeps its end',
    cases: [5],
    cfg: cfg({ defaults: 'timeout client-fin 1s\ntimeout server-fin 1s' }),
    servers: { a: { hello: 'bye' } },
    play: async (stage) => {
      const client = await stage.connect({ onEnd: 'keep' })
      const server = await stage.server('a').connection()
      await server.end()
      const { at: half } = await client.ended()
      const { at } = await server.ended()
      return {
        'cut after the FIN': about(at - half, 1),
        client: client.state,
        server: server.state,
        log: logged(await stage.log(client))
      }
    },
    facts: { 'cut after the FIN': 'about 1 s', client: 'eof', server: 'eof', log: 'cD a' }
  },
  {
    name: 'no-timeouts',
    title: 'With the defaults’ long timeouts a session that is silent for seconds is not touched',
    cfg: cfg({}),
    servers: { a: { hello: '' } },
    play: async (stage) => {
      const client = await stage.connect()
      const server = await stage.server('a').connection()
      await pause(2500)
      const silent = `${client.state}, ${server.state}`
      await client.say('still here')
      await server.heard('still here')
      await client.end()
      await server.ended()
      return { 'after 2.5 s of silence': silent, log: logged(await stage.log(client)) }
    },
    facts: { 'after 2.5 s of silence': 'open, open', log: '-- a' }
  },
  {
    name: 'stuck-reader',
    title: 'A client that stops reading is cut by its own idle timeout, not by the server’s',
    cfg: cfg({ defaults: 'timeout client 1s' }),
    servers: { a: { hello: '' } },
    play: async (stage) => {
      const client = await stage.connect()
      await client.pause()
      const server = await stage.server('a').connection()
      server.pump(64 << 20).catch(() => undefined)
      const { ending } = await server.ended()
      return { server: ending, log: logged(await stage.log(client)) }
    },
    facts: { server: 'eof', log: 'cD a' },
    vipd: { facts: { server: 'reset' }, why: WHY_RESET }
  },
  {
    name: 'keepalive',
    title: 'A client whose host has died in silence is found by TCP keepalive',
    isLong: true,
    cfg: cfg({ defaults: 'option clitcpka\nclitcpka-idle 1s\nclitcpka-intvl 1s\nclitcpka-cnt 2' }),
    servers: { a: {} },
    play: async (stage) => {
      const client = await (await stage.connect()).heard('a')
      const server = await stage.server('a').connection()
      await stage.cutClient()
      const from = nowMs()
      const { ending, at } = await server.ended()
      return {
        server: ending,
        after: about(at - from, 3, { sooner: 1.2, later: 2 }),
        log: logged(await stage.log(client))
      }
    },
    facts: { server: 'reset', after: 'about 3 s', log: 'CD a' }
  },
  {
    name: 'user-timeout',
    title: 'A client that does not acknowledge what it is sent is given up after `tcp-ut`',
    cfg: cfg({ bind: '10.77.0.10:8443 tcp-ut 1500ms' }),
    servers: { a: {} },
    play: async (stage) => {
      const client = await (await stage.connect()).heard('a')
      const server = await stage.server('a').connection()
      await stage.cutClient()
      const from = nowMs()
      await server.say('anybody there?')
      const { ending, at } = await server.ended()
      return {
        server: ending,
        after: about(at - from, 1.5, { sooner: 0.5, later: 2 }),
        log: logged(await stage.log(client))
      }
    },
    facts: { server: 'reset', after: 'about 1.5 s', log: 'CD a' }
  }
]

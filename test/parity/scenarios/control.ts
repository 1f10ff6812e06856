import { pause } from '../../lab/wait.js'
import { logged, tally } from '../facts.js'
import type { Scenario } from '../scenario.js'
import { cfg, WHY_RESET } from './common.js'

/** What an operator does at run time. */

export const control: readonly Scenario[] = [
  {
    name: 'drain',
    title: 'drain: no new clients, those who are there stay; ready brings it back',
    cfg: cfg({ servers: { a: '', b: '' } }),
    servers: { a: {}, b: {} },
    play: async (stage) => {
      const client = await (await stage.connect()).heard('a')
      await stage.proxy.order('a', 'drain')
      const state = await stage.proxy.state('a')
      const turns = await stage.turns(4)
      await pause(300)
      const there = client.state
      await stage.proxy.order('a', 'ready')
      const back = tally((await stage.turns(4)).split(' '))
      await client.end()
      return {
        status: state,
        'new clients': turns,
        'who was there': there,
        'ready again': back,
        log: logged(await stage.log(client))
      }
    },
    facts: {
      status: 'DRAIN',
      'new clients': 'b b b b',
      'who was there': 'open',
      'ready again': 'a 2, b 2',
      log: '-- a'
    }
  },
  {
    name: 'maint',
    title: 'maint, with `on-marked-down shutdown-sessions`: no new clients, those who are there are let go',
    cfg: cfg({ servers: { a: 'on-marked-down shutdown-sessions', b: '' } }),
    servers: { a: {}, b: {} },
    play: async (stage) => {
      const client = await (await stage.connect()).heard('a')
      await stage.proxy.order('a', 'maint')
      const state = await stage.proxy.state('a')
      await client.ended()
      const turns = await stage.turns(4)
      return {
        status: state,
        'new clients': turns,
        'who was there': client.state,
        log: logged(await stage.log(client))
      }
    },
    facts: { status: 'MAINT', 'new clients': 'b b b b', 'who was there': 'eof', log: 'D- a' }
  },
  {
    name: 'maint-keeps',
    title: 'maint, without it: those who are there stay',
    importSays: ['on-marked-down'],
    cfg: cfg({ servers: { a: '', b: '' } }),
    servers: { a: {}, b: {} },
    play: async (stage) => {
      const client = await (await stage.connect()).heard('a')
      await stage.proxy.order('a', 'maint')
      await pause(500)
      const there = client.state
      if (there === 'open') await client.end()
      return { status: await stage.proxy.state('a'), 'who was there': there, log: logged(await stage.log(client)) }
    },
    facts: { status: 'MAINT', 'who was there': 'open', log: '-- a' },
    vipd: {
      facts: { 'who was there': 'eof', log: 'D- a' },
      why: 'maint says that the server is about to be taken away; drain is the word for keeping its sessions. vipd closes them unless `on_marked_down: none` is set.'
    }
  },
  {
    name: 'disabled',
    title: 'A server that is `disabled` in the configuration is in maintenance until it is made ready',
    cfg: cfg({ servers: { a: 'disabled', b: '' } }),
    servers: { a: {}, b: {} },
    play: async (stage) => {
      const state = await stage.proxy.state('a')
      const turns = await stage.turns(4)
      await stage.proxy.order('a', 'ready')
      return { status: state, clients: turns, 'made ready': tally((await stage.turns(4)).split(' ')) }
    },
    facts: { status: 'MAINT', clients: 'b b b b', 'made ready': 'a 2, b 2' }
  },
  {
    name: 'kill-session',
    title: 'One session is ended by the operator; others go on',
    cfg: cfg({}),
    servers: { a: {} },
    play: async (stage) => {
      const [one, two] = [await (await stage.connect()).heard('a'), await (await stage.connect()).heard('a')]
      const server = await stage.server('a').connection()
      await stage.proxy.kill(one.port)
      await one.ended()
      await server.ended()
      await pause(200)
      const other = two.state
      await two.end()
      return { client: one.state, server: server.state, log: logged(await stage.log(one)), 'the other one': other }
    },
    facts: { client: 'eof', server: 'eof', log: 'K- a', 'the other one': 'open' },
    vipd: { facts: { server: 'reset' }, why: WHY_RESET }
  },
  {
    name: 'kill-server-sessions',
    title: 'All sessions of a server are ended by the operator; those of others go on',
    cfg: cfg({ servers: { a: '', b: '' } }),
    servers: { a: {}, b: {} },
    play: async (stage) => {
      const peers = [await stage.connect(), await stage.connect(), await stage.connect(), await stage.connect()]
      for (const one of peers) await one.heard('\n')
      await stage.proxy.killAll('a')
      const [mine, others] = ['a', 'b'].map((name) => peers.filter(({ text }) => text.startsWith(name)))
      for (const one of mine ?? []) await one.ended()
      await pause(200)
      const logs = await Promise.all((mine ?? []).map((one) => stage.log(one)))
      return {
        'sessions of a': tally((mine ?? []).map(({ state }) => state)),
        log: tally(logs.map(logged)),
        'sessions of b': tally((others ?? []).map(({ state }) => state)),
        'a still serves': tally((await stage.turns(2)).split(' '))
      }
    },
    facts: { 'sessions of a': 'eof 2', log: 'K- a 2', 'sessions of b': 'open 2', 'a still serves': 'a 1, b 1' }
  }
]

import { nowMs, pause } from '../../lab/wait.js'
import { about, logged, tally, yes } from '../facts.js'
import type { Scenario } from '../scenario.js'
import type { Stage } from '../stage.js'
import { tcplogShape } from '../tcplog.js'
import { cfg } from './common.js'

/** Reload, stop, death; and what is left in the log. */

const abc = { a: '', b: '', c: '' }

/** Clients that come one after the other until `stop` is called. @returns what became of them */
function stream(stage: Stage): { stop: () => Promise<readonly string[]> } {
  const seen: string[] = []
  let isOver = false
  const coming = (async () => {
    while (!isOver) {
      const some = await stage.visits(20, { together: 2 })
      seen.push(...some.map(({ said, outcome }) => (outcome === 'ok' ? said : outcome)))
    }
  })()
  return {
    stop: async () => {
      isOver = true
      await coming
      return seen
    }
  }
}

export const lifecycle: readonly Scenario[] = [
  {
    name: 'reload-under-load',
    title: 'A reload under load: no client is refused, no session is cut, the new server gets its share',
    cases: [19],
    cfg: cfg({ servers: { a: '', b: '' } }),
    isReloaded: true,
    servers: { a: {}, b: {}, c: {} },
    play: async (stage) => {
      const long = await (await stage.connect()).heard('\n')
      const pid = stage.proxy.pid
      const clients = stream(stage)
      await pause(300)
      const taken = [
        await stage.proxy.reload(cfg({ servers: abc })),
        await stage.proxy.reload(cfg({ servers: { a: '', c: '' } })),
        await stage.proxy.reload(cfg({ servers: abc }))
      ]
      await pause(300)
      const seen = await clients.stop()
      const bad = seen.filter((said) => !['a', 'b', 'c'].includes(said))
      await stage.until(async () => (await stage.proxy.state('c')) === 'UP', 'c in service')
      const before = long.state
      await long.say('still')
      const server = [stage.server('a'), stage.server('b')].flatMap(({ accepted }) => accepted)
      await stage.until(() => server.some(({ text }) => text.includes('still')), 'the long session’s bytes')
      return {
        'three reloads': tally(taken.map((one) => (one ? 'taken' : 'refused'))),
        'clients that failed': bad.length === 0 ? 'none' : tally(bad),
        'enough clients came': yes(seen.length > 100, `${seen.length}`),
        'the long session': before,
        'new servers': [...new Set((await stage.turns(9)).split(' '))].sort().join(' '),
        'served by one process': yes(stage.proxy.pid === pid)
      }
    },
    facts: {
      'three reloads': 'taken 3',
      'clients that failed': 'none',
      'enough clients came': 'yes',
      'the long session': 'open',
      'new servers': 'a b c',
      'served by one process': 'no'
    },
    vipd: {
      facts: { 'served by one process': 'yes' },
      why: 'haproxy starts a new process for each reload; the old ones live on with their sessions, without checks and unseen by its commands. vipd changes its services in place: sessions, health and counters stay.'
    }
  },
  {
    name: 'reload-broken',
    title: 'A reload of a configuration that is wrong changes nothing',
    cases: [19],
    cfg: cfg({}),
    isReloaded: true,
    servers: { a: {} },
    play: async (stage) => {
      const long = await (await stage.connect()).heard('a')
      const isTaken = await stage.proxy.reload(cfg({}).replace(':6443', ':99999'))
      return {
        reload: isTaken ? 'taken' : 'refused',
        'the long session': long.state,
        'new clients': await stage.turns(2)
      }
    },
    facts: { reload: 'refused', 'the long session': 'open', 'new clients': 'a a' }
  },
  {
    name: 'soft-stop',
    title: 'A soft stop: no new clients, sessions go on, and it ends when the last has ended',
    cases: [20],
    cfg: cfg({ global: 'hard-stop-after 20s' }),
    servers: { a: {} },
    play: async (stage) => {
      const client = await (await stage.connect()).heard('a')
      stage.proxy.signal(stage.side === 'haproxy' ? 'SIGUSR1' : 'SIGTERM')
      const isClosed = async (): Promise<string | false> => {
        const got = await stage.turns(1, { deadlineMs: 1000 })
        return got !== 'a' && got
      }
      const fresh = await stage.until(isClosed, 'no new client')
      await pause(500)
      const server = await stage.server('a').connection()
      await client.say('still')
      await server.heard('still')
      const before = client.state
      const from = nowMs()
      await client.end()
      const { code } = await stage.proxy.exited()
      return {
        'new clients': fresh,
        'who was there': before,
        'ends after the last one': yes(nowMs() - from < 5000, `${nowMs() - from}`),
        'exit status': `${code}`
      }
    },
    facts: { 'new clients': 'refused', 'who was there': 'open', 'ends after the last one': 'yes', 'exit status': '0' }
  },
  {
    name: 'hard-stop',
    title: '`hard-stop-after`: sessions that are still there so long after the stop are ended',
    cases: [20],
    cfg: cfg({ global: 'hard-stop-after 1500ms' }),
    servers: { a: {} },
    play: async (stage) => {
      const client = await (await stage.connect()).heard('a')
      const from = nowMs()
      stage.proxy.signal(stage.side === 'haproxy' ? 'SIGUSR1' : 'SIGTERM')
      const { at } = await client.ended()
      const { code } = await stage.proxy.exited()
      return {
        'ended after': about(at - from, 1.5, { later: 1.5 }),
        'exits within 3 s of that': yes(nowMs() - at < 3000),
        'exit status': `${code}`,
        log: logged(await stage.log(client))
      }
    },
    facts: { 'ended after': 'about 1.5 s', 'exits within 3 s of that': 'yes', 'exit status': '0', log: 'K- a' }
  },
  {
    name: 'kill-and-restart',
    title: 'Killed with SIGKILL and started again: its clients notice at once, and it serves again in seconds',
    cases: [21],
    cfg: cfg({}),
    servers: { a: {} },
    play: async (stage) => {
      const client = await (await stage.connect()).heard('a')
      const server = await stage.server('a').connection()
      const from = nowMs()
      await stage.proxy.stop('SIGKILL')
      const { at } = await client.ended()
      await server.ended()
      const refused = await stage.turns(1)
      await stage.start()
      const again = await stage.turns(2)
      const took = nowMs() - from
      return {
        'who was there': `${client.state}, ${at - from < 1000 ? 'at once' : `${at - from} ms`}`,
        meanwhile: refused,
        again,
        'serves again within 8 s': yes(took < 8000, `${took.toFixed()} ms`)
      }
    },
    facts: { 'who was there': 'eof, at once', meanwhile: 'refused', again: 'a a', 'serves again within 8 s': 'yes' }
  },
  {
    name: 'syslog-lines',
    title: 'The line that syslog gets for each session is haproxy’s own',
    cfg: cfg({ servers: { a: 'maxconn 1' } }),
    servers: { a: {} },
    play: async (stage) => {
      const good = await (await stage.connect()).heard('a')
      await pause(50)
      await good.end()
      await good.ended()
      const gone = await (await stage.connect()).heard('a')
      await (await stage.server('a').connection(1)).reset()
      await gone.ended()
      const line = async (port: number): Promise<string> => {
        const find = (): string | undefined =>
          stage.servers.datagrams.map(({ text }) => text).find((text) => text.includes(`:${port} `))
        return tcplogShape(await stage.until(() => find() ?? false, `a line about port ${port}`, 5000))
      }
      return { 'a good session': await line(good.port), 'a reset one': await line(gone.port) }
    },
    facts: {
      'a good session': '<134>DATE TAG[PID]: 10.77.0.101:PORT [TIME] app app/a Tw/Tc/Tt 2 -- 1/1/0/0/0 0/0',
      'a reset one': '<134>DATE TAG[PID]: 10.77.0.101:PORT [TIME] app app/a Tw/Tc/Tt 2 SD 1/1/0/0/0 0/0'
    },
    vipd: {
      facts: {
        'a good session': '<134>DATE HOST TAG[PID]: 10.77.0.101:PORT [TIME] app app/a Tw/Tc/Tt 2 -- 1/1/0/0/0 0/0',
        'a reset one': '<134>DATE HOST TAG[PID]: 10.77.0.101:PORT [TIME] app app/a Tw/Tc/Tt 2 SD 1/1/0/0/0 0/0'
      },
      why: 'RFC 3164 has the host’s name there. haproxy leaves it out unless `log-send-hostname` is set; syslog daemons read both.'
    }
  },
  {
    name: 'syslog-of-servers',
    title: 'With `log … warning`, as the seed has it, what syslog gets of a server that goes down and comes up',
    cfg: cfg({ servers: { a: 'check inter 200ms fall 2', b: '' } })
      .replace('local0', 'local0 warning')
      .replace('option tcplog', ''),
    servers: { a: {}, b: {} },
    play: async (stage) => {
      await stage.untilServer('a', 'UP')
      await pause(600)
      const from = stage.servers.datagrams.length
      await stage.server('a').close()
      await stage.untilServer('a', 'DOWN')
      await stage.serve('a')
      await stage.untilServer('a', 'UP')
      await pause(700)
      const lines = stage.servers.datagrams.slice(from).map(({ text }) => text)
      const told = (word: string): string =>
        yes(lines.some((line) => line.includes('a') && new RegExp(`\\b${word}\\b`).test(line)))
      return { DOWN: told('DOWN'), UP: told('UP') }
    },
    facts: { DOWN: 'yes', UP: 'no' },
    vipd: {
      facts: { UP: 'yes' },
      why: 'haproxy says UP as a notice, and the seed’s log takes warnings and worse: its log knows servers that die and none that come back. In vipd UP is as loud as DOWN.'
    }
  },
  {
    name: 'errors-only',
    title: 'With `option dontlog-normal` good sessions leave no record, failed ones do',
    cfg: cfg({ defaults: 'option dontlog-normal', servers: { a: '', b: '' } }),
    servers: { a: {}, b: {} },
    play: async (stage) => {
      const good = await (await stage.connect()).heard('a')
      await good.end()
      await good.ended()
      const bad = await (await stage.connect()).heard('b')
      await bad.reset()
      const log = await stage.log(bad)
      await pause(300)
      const logs = stage.proxy.sessionLogs().filter(({ client }) => client.endsWith(`:${good.port}`))
      return { 'a good session': logs.length === 0 ? 'no record' : 'a record', 'a bad one': logged(log) }
    },
    facts: { 'a good session': 'no record', 'a bad one': 'CD b' }
  }
]

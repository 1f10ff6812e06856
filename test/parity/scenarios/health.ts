import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { nowMs, pause } from '../../lab/wait.js'
import { about, logged, tally, yes } from '../facts.js'
import type { Listener } from '../remote.js'
import type { Scenario } from '../scenario.js'
import type { Stage } from '../stage.js'
import { cfg, WHY_RESET } from './common.js'

/** Health checks: what brings a server down and up, when, and what it means for those who are there. */

/** Waits until a server that is checked serves clients: both proxies have then seen it up. */
const ready = (stage: Stage, name: string): Promise<number> => stage.untilServer(name, 'UP')

/** The times between the requests that a server of checks alone has heard, in ms. Connections may be kept. */
function gaps(listener: Listener, from = 0): number[] {
  const all = listener.accepted.flatMap(({ heardTimes }) => heardTimes)
  const times = all.filter((at) => at >= from).sort((one, other) => one - other)
  return times.slice(1).map((at, index) => at - (times[index] ?? at))
}

const middle = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0

const HTTP = 'option httpchk GET /readyz\nhttp-check expect status 200'

export const health: readonly Scenario[] = [
  {
    name: 'rise-and-fall',
    title: 'A server that refuses is down after `fall` checks and up again after `rise`',
    cases: [9],
    cfg: cfg({ servers: { a: 'check inter 500ms fall 4 rise 3' } }),
    servers: { a: {} },
    play: async (stage) => {
      await ready(stage, 'a')
      // Long enough for a full score: a server that has just begun is down at its first failure.
      await pause(1800)
      await stage.server('a').close()
      const refused = nowMs()
      const down = await stage.untilServer('a', 'DOWN')
      await stage.serve('a')
      const back = nowMs()
      const up = await stage.untilServer('a', 'UP')
      // The first check comes up to one interval after: 3 to 4 intervals, 2 to 3 intervals.
      return {
        down: about(down - refused, 1.75, { sooner: 0.35, later: 1 }),
        up: about(up - back, 1.25, { sooner: 0.35, later: 1 })
      }
    },
    facts: { down: 'about 1.75 s', up: 'about 1.25 s' }
  },
  {
    name: 'fall-black-holed',
    title: 'A black-holed server is down after `fall` checks that time out',
    cases: [9],
    isLong: true,
    cfg: cfg({ servers: { a: 'check inter 500ms fall 4 rise 2' } }),
    servers: { a: {} },
    play: async (stage) => {
      await ready(stage, 'a')
      await pause(1800)
      await stage.blackhole('a')
      const from = nowMs()
      const down = await stage.untilServer('a', 'DOWN')
      const took = down - from
      return {
        'time to down, in intervals':
          took < 6 * 500 ? 'fall' : took < 10.5 * 500 ? 'twice fall' : `${took.toFixed()} ms`,
        check: await stage.proxy.checkResult('a')
      }
    },
    facts: { 'time to down, in intervals': 'twice fall', check: 'L4TOUT' },
    vipd: {
      facts: { 'time to down, in intervals': 'fall' },
      why: 'In haproxy a check that times out is followed by a whole interval, so a dead host is found in twice the time that `inter` and `fall` promise. vipd counts intervals from the beginning of each check.'
    }
  },
  {
    name: 'first-check',
    title: 'A server that was never reached gets no client',
    cases: [10],
    importSays: ['servers start DOWN'],
    cfg: cfg({ defaults: 'timeout connect 1s', servers: { a: 'check inter 1s fall 5', b: 'check inter 1s fall 5' } }),
    servers: { a: {}, b: {} },
    isStartedByPlay: true,
    play: async (stage) => {
      await stage.blackhole('a')
      await stage.start()
      const early = await stage.proxy.state('a')
      const down = await stage.untilServer('a', 'DOWN')
      await ready(stage, 'b')
      const from = nowMs()
      const turns = await stage.turns(4)
      return {
        'before its first check is over': early,
        'after its first failure (fall 5)': down > 0 ? 'DOWN' : '',
        clients: turns,
        'served within 0.5 s': yes(nowMs() - from < 500)
      }
    },
    facts: {
      'before its first check is over': 'UP',
      'after its first failure (fall 5)': 'DOWN',
      clients: 'b b b b',
      'served within 0.5 s': 'yes'
    },
    vipd: {
      facts: { 'before its first check is over': 'DOWN' },
      why: 'haproxy takes every server for up until its first check is over, and clients wait for dead ones after each start. In vipd a server is up when a check has said so; the first checks are made at once.'
    }
  },
  {
    name: 'spread-checks',
    title: '`spread-checks` moves each check within its percentage of `inter`, anew each time',
    cases: [11],
    isLong: true,
    cfg: cfg({
      global: 'spread-checks 40',
      app: HTTP,
      servers: { a: 'check inter 100ms', b: 'check inter 100ms', c: 'check inter 100ms', d: 'check inter 100ms' }
    }),
    servers: {
      a: { hello: '', http: { status: 200 } },
      b: { hello: '', http: { status: 200 } },
      c: { hello: '', http: { status: 200 } },
      d: { hello: '', http: { status: 200 } }
    },
    play: async (stage) => {
      await Promise.all(['a', 'b', 'c', 'd'].map((name) => ready(stage, name)))
      await pause(6000)
      const all = ['a', 'b', 'c', 'd'].flatMap((name) => gaps(stage.server(name)).slice(2))
      // A busy machine makes a check late, and the one after it early by as much where intervals count from the beginning.
      const sooner = all.filter((gap) => gap < 45).length
      const spread = middle(all.filter((gap) => gap > middle(all))) - middle(all.filter((gap) => gap < middle(all)))
      return {
        'checks seen': yes(all.length > 120, `${all.length}`),
        'sooner than 60 % of inter': sooner <= all.length / 30 ? 'none but a few' : `${sooner} of ${all.length}`,
        'half of them are spread over 20 ms and more': yes(spread > 20, `${spread.toFixed()} ms`)
      }
    },
    facts: {
      'checks seen': 'yes',
      'sooner than 60 % of inter': 'none but a few',
      'half of them are spread over 20 ms and more': 'yes'
    }
  },
  {
    name: 'checks-are-not-accepted',
    title: 'A TCP check is SYN, SYN/ACK, RST: the server’s program never sees a connection',
    cases: [12],
    cfg: cfg({ servers: { a: 'check inter 100ms' } }),
    servers: { a: {} },
    play: async (stage) => {
      await ready(stage, 'a')
      await pause(2500)
      const { length } = stage.server('a').accepted
      return {
        // Where a prober is not run for 40 ms, the kernel acknowledges in its stead; a check that is no such one is accepted each time.
        'of 25 checks accepted': length <= 2 ? 'none' : `${length}`,
        check: await stage.proxy.checkResult('a')
      }
    },
    facts: { 'of 25 checks accepted': 'none', check: 'L4OK' }
  },
  {
    name: 'shutdown-sessions',
    title: '`on-marked-down shutdown-sessions` ends the sessions of a server that goes down',
    cases: [13],
    cfg: cfg({
      servers: {
        a: 'check inter 200ms fall 2 on-marked-down shutdown-sessions',
        b: 'check inter 200ms fall 2 on-marked-down shutdown-sessions backup'
      }
    }),
    servers: { a: {}, b: {} },
    play: async (stage) => {
      await ready(stage, 'a')
      await ready(stage, 'b')
      const client = await (await stage.connect()).heard('a')
      const server = await stage.server('a').connection()
      await stage.server('a').close()
      const down = await stage.untilServer('a', 'DOWN')
      const { at } = await client.ended()
      await server.ended()
      return {
        'ended with the server’s mark': yes(Math.abs(at - down) < 500, `${(at - down).toFixed()} ms`),
        client: client.state,
        server: server.state,
        log: logged(await stage.log(client)),
        'new clients': await stage.turns(1)
      }
    },
    facts: { 'ended with the server’s mark': 'yes', client: 'eof', server: 'eof', log: 'D- a', 'new clients': 'b' },
    vipd: { facts: { server: 'reset' }, why: WHY_RESET }
  },
  {
    name: 'down-keeps-sessions',
    title: 'Without `on-marked-down` the sessions of a server that goes down go on',
    importSays: ['on-marked-down'],
    cfg: cfg({ servers: { a: 'check inter 200ms fall 2' } }),
    servers: { a: {} },
    play: async (stage) => {
      await ready(stage, 'a')
      const client = await (await stage.connect()).heard('a')
      const server = await stage.server('a').connection()
      await stage.server('a').close()
      await stage.untilServer('a', 'DOWN')
      await pause(500)
      const state = client.state
      if (state === 'open') {
        await client.say('still')
        await server.heard('still')
        await client.end()
        await client.ended()
      }
      return { 'after its server went down': state, log: logged(await stage.log(client)) }
    },
    facts: { 'after its server went down': 'open', log: '-- a' },
    vipd: {
      facts: { 'after its server went down': 'eof', log: 'D- a' },
      why: 'Sessions to a dead server hang until a timeout; clients that are let go connect again and are served. vipd closes them unless `on_marked_down: none` is set, and its import says so. A server that is alive and not ready keeps its sessions.'
    }
  },
  {
    name: 'readyz-500',
    title: 'A server whose /readyz says 500 gets no new clients; those that it has stay',
    importSays: ['option httpchk'],
    cfg: cfg({ app: HTTP, servers: { a: 'check inter 200ms fall 2', b: 'check inter 200ms fall 2' } }),
    servers: { a: { http: { status: 200 } }, b: { http: { status: 200 } } },
    play: async (stage) => {
      // What a server says first would stand before the answer to a check.
      await Promise.all(['a', 'b'].map((name) => stage.server(name).behave({ hello: '' })))
      await ready(stage, 'a')
      await ready(stage, 'b')
      const [one, two] = [await stage.connect(), await stage.connect()]
      await Promise.all([one.say('GET / HTTP/1.1\r\n\r\n'), two.say('GET / HTTP/1.1\r\n\r\n')])
      await Promise.all([one.heard('200'), two.heard('200')])
      await stage.server('a').behave({ http: { status: 500 } })
      const state = await stage.until(async () => {
        const now = await stage.proxy.state('a')
        return now !== 'UP' && now
      }, 'a no more UP')
      const result = await stage.proxy.checkResult('a')
      const before = { a: (await stage.proxy.counts()).servers['a']?.total ?? 0 }
      await stage.visits(6, { isSilent: true })
      await pause(300)
      const after = (await stage.proxy.counts()).servers['a']?.total ?? 0
      await stage.server('a').behave({ http: { status: 200 } })
      await ready(stage, 'a')
      return {
        status: state,
        check: result,
        'new clients of it': `${after - before.a}`,
        'those who were there': `${one.state}, ${two.state}`
      }
    },
    facts: { status: 'DOWN', check: 'L7STS', 'new clients of it': '0', 'those who were there': 'open, open' },
    vipd: {
      facts: { status: 'DRAIN' },
      why: 'A server that answers 500 is alive and not ready: an apiserver that shuts down says so while it still serves. vipd shows the difference, and closes sessions of dead servers alone.'
    }
  },
  {
    name: 'readyz-401',
    title: 'A server that asks the check for credentials (401)',
    importSays: ['option httpchk'],
    cfg: cfg({ app: HTTP, servers: { a: 'check inter 200ms fall 2' } }),
    servers: { a: { hello: '', http: { status: 401 } } },
    play: async (stage) => {
      await stage.until(async () => (await stage.proxy.checkResult('a')) === 'L7STS', 'the check’s result')
      await pause(800)
      const client = await stage.connect({ says: 'GET / HTTP/1.1\r\n\r\n' })
      await stage.until(() => client.bytes > 0 || client.endings.length > 0, 'an answer or the end')
      return { status: await stage.proxy.state('a'), client: client.text.includes('401') ? 'is served' : client.state }
    },
    facts: { status: 'DOWN', client: 'eof' },
    vipd: {
      facts: { status: 'DRAIN', client: 'is served' },
      why: 'With `--anonymous-auth=false` every apiserver answers 401, and haproxy takes all of them out at once. Whoever answers 401 is alive; whether it is ready cannot be known without credentials. Where no server is ready vipd goes on with those that are alive, and its status says what mends it.'
    }
  },
  {
    name: 'check-body',
    title: 'A check that expects a text in the answer',
    cfg: cfg({
      app: 'option httpchk GET /readyz\nhttp-check expect string fine',
      servers: { a: 'check inter 200ms fall 2 rise 2' }
    }),
    servers: { a: { hello: '', http: { status: 200, body: 'all is fine' } } },
    play: async (stage) => {
      await ready(stage, 'a')
      const up = await stage.until(async () => (await stage.proxy.checkResult('a')) === 'L7OK', 'L7OK')
      await stage.server('a').behave({ http: { status: 200, body: 'all is lost' } })
      const out = await stage.until(async () => (await stage.proxy.state('a')) !== 'UP', 'a no more UP')
      const result = await stage.proxy.checkResult('a')
      await stage.server('a').behave({ http: { status: 200, body: 'fine again' } })
      await ready(stage, 'a')
      return { 'with the text': yes(up), 'without it, out': yes(out), check: result, 'with it again': 'UP' }
    },
    facts: { 'with the text': 'yes', 'without it, out': 'yes', check: 'L7RSP', 'with it again': 'UP' }
  },
  {
    name: 'https-check',
    title: 'A check by HTTPS takes the certificate of the CA that it was given, and no other',
    importSays: ['verify none'],
    cfg: cfg({
      app: 'option httpchk GET /readyz\nhttp-check expect status 200',
      servers: {
        a: 'check check-ssl verify required ca-file FOLDER/ca.crt inter 300ms fall 2',
        b: 'check check-ssl verify required ca-file FOLDER/other.crt inter 300ms fall 2',
        c: 'check check-ssl verify none inter 300ms fall 2'
      }
    }),
    servers: {},
    isStartedByPlay: true,
    play: async (stage) => {
      const make = (name: string): string[] => [
        ...['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
        ...['-subj', `/CN=${name}`, '-days', '2', '-keyout', join(stage.folder, `${name}.key`)],
        ...['-out', join(stage.folder, `${name}.crt`)],
        ...['-addext', 'subjectAltName=IP:10.77.0.21,IP:10.77.0.22,IP:10.77.0.23,DNS:kubernetes']
      ]
      await stage.run('proxy', make('ca'))
      await stage.run('proxy', make('other'))
      const pem = (name: string): string => readFileSync(join(stage.folder, name), 'utf8')
      const tls = { key: pem('ca.key'), cert: pem('ca.crt') }
      for (const name of ['a', 'b', 'c']) await stage.serve(name, { hello: '', tls, http: { status: 200 } })
      await stage.start()
      await ready(stage, 'a')
      await stage.until(async () => (await stage.proxy.checkResult('c')) !== 'INI', 'a check of c')
      await ready(stage, 'c')
      await stage.until(async () => (await stage.proxy.checkResult('b')).startsWith('L6'), 'a check of b')
      const other = await stage.until(async () => {
        const now = await stage.proxy.state('b')
        return now !== 'UP' && now
      }, 'b no more UP')
      return {
        'signed by the CA': await stage.proxy.checkResult('a'),
        'signed by another': `${await stage.proxy.checkResult('b')}, ${other}`,
        'not verified': await stage.proxy.checkResult('c')
      }
    },
    facts: { 'signed by the CA': 'L7OK', 'signed by another': 'L6RSP, DOWN', 'not verified': 'L7OK' },
    vipd: {
      facts: { 'signed by another': 'L6RSP, DRAIN' },
      why: 'A server with a certificate that cannot be verified is alive and not trusted: it gets no new clients. When a certificate expires on all of them at once, vipd goes on with those that are alive instead of ending every session.'
    }
  },
  {
    name: 'agent-check',
    title: 'An agent says how much a server is to get: weight, drain, maint, ready',
    cfg: cfg({
      servers: { a: 'weight 100 check inter 200ms agent-check agent-port 7777 agent-inter 200ms', b: 'weight 100' }
    }),
    servers: { a: {}, b: {} },
    play: async (stage) => {
      const agent = await stage.servers.listen('agent', '10.77.0.21', 7777, { hello: 'up 100%\n', isBrief: true })
      await ready(stage, 'a')
      const told = async (line: string): Promise<void> => {
        await agent.behave({ hello: `${line}\n` })
        const seen = agent.accepted.length
        await stage.until(() => agent.accepted.length > seen + 1, 'two questions to the agent')
        await pause(150)
      }
      const shares = async (): Promise<string> => tally((await stage.visits(16)).map(({ said }) => said))
      const seen: Record<string, string> = {}
      await told('ready up 100%')
      seen['100 %'] = await shares()
      await told('33%')
      seen['33 %'] = await shares()
      await told('drain')
      seen['drain'] = `${await stage.proxy.state('a')}: ${await shares()}`
      await told('maint')
      seen['maint'] = `${await stage.proxy.state('a')}: ${await shares()}`
      await told('ready up 100%')
      seen['ready'] = `${await stage.proxy.state('a')}: ${await shares()}`
      return seen
    },
    facts: {
      '100 %': 'a 8, b 8',
      '33 %': 'a 4, b 12',
      drain: 'DRAIN: b 16',
      maint: 'MAINT: b 16',
      ready: 'UP: a 8, b 8'
    }
  },
  {
    name: 'observe-layer4',
    title: 'Failed live connections take a server out before its next check would',
    cfg: cfg({
      defaults: 'retries 3\noption redispatch',
      servers: { a: 'check inter 20s fastinter 500ms observe layer4 error-limit 3 on-error mark-down', b: '' }
    }),
    servers: { a: {}, b: {} },
    play: async (stage) => {
      await ready(stage, 'a')
      await stage.server('a').close()
      const from = nowMs()
      const seen = await stage.visits(8)
      const down = await stage.untilServer('a', 'DOWN', 5000)
      return {
        clients: tally(seen.map(({ said, outcome }) => (outcome === 'ok' ? said : outcome))),
        'a goes down within 5 s (inter 20 s)': yes(down - from < 5000)
      }
    },
    facts: { clients: 'b 8', 'a goes down within 5 s (inter 20 s)': 'yes' }
  },
  {
    name: 'fast-and-down-intervals',
    title: '`fastinter` on the way down and up, `downinter` while down, `inter` else',
    isLong: true,
    cfg: cfg({ app: HTTP, servers: { a: 'check inter 1200ms fastinter 200ms downinter 500ms fall 6 rise 6' } }),
    servers: { a: { hello: '', http: { status: 200 } } },
    play: async (stage) => {
      const a = stage.server('a')
      await ready(stage, 'a')
      await pause(5000)
      const usual = middle(gaps(a).slice(-2))
      await a.behave({ http: { status: 500 } })
      await stage.until(async () => (await stage.proxy.state('a')) !== 'UP', 'a no more UP')
      const falling = middle(gaps(a).slice(-4))
      await pause(2600)
      const down = middle(gaps(a).slice(-3))
      await a.behave({ http: { status: 200 } })
      await ready(stage, 'a')
      const rising = middle(gaps(a).slice(-4))
      const word = (ms: number): string => {
        if (ms > 100 && ms < 400) return 'fastinter'
        if (ms > 400 && ms < 900) return 'downinter'
        return ms > 900 && ms < 1700 ? 'inter' : `${ms.toFixed()} ms`
      }
      return {
        up: word(usual),
        'on the way down': word(falling),
        'no more UP (/readyz says 500)': word(down),
        'on the way up': word(rising)
      }
    },
    facts: {
      up: 'inter',
      'on the way down': 'fastinter',
      'no more UP (/readyz says 500)': 'downinter',
      'on the way up': 'fastinter'
    },
    vipd: {
      facts: { 'no more UP (/readyz says 500)': 'inter' },
      why: 'A server that answers 500 is alive in vipd, and checked as one: `downinter`, which is often long, is for the dead.'
    }
  },
  {
    name: 'shutdown-backup-sessions',
    title: '`on-marked-up shutdown-backup-sessions`: those who went to a backup are sent back',
    cfg: cfg({ servers: { a: 'check inter 200ms fall 2 rise 2 on-marked-up shutdown-backup-sessions', b: 'backup' } }),
    servers: { b: {} },
    play: async (stage) => {
      await stage.untilServer('a', 'DOWN')
      const client = await (await stage.connect()).heard('b')
      const server = await stage.server('b').connection()
      await stage.serve('a')
      await ready(stage, 'a')
      await client.ended()
      await server.ended()
      return {
        client: client.state,
        server: server.state,
        log: logged(await stage.log(client)),
        'new clients': await stage.turns(1)
      }
    },
    facts: { client: 'eof', server: 'eof', log: 'U- b', 'new clients': 'a' },
    vipd: { facts: { server: 'reset' }, why: WHY_RESET }
  },
  {
    name: 'graceful-apiserver',
    title:
      'An apiserver that shuts down gracefully: /readyz 500 while it serves, then it listens no more, then it closes its watches',
    importSays: ['option httpchk'],
    isLong: true,
    cfg: cfg({
      defaults: 'retries 3\noption redispatch',
      app: HTTP,
      servers: {
        a: 'check inter 200ms fall 2 on-marked-down shutdown-sessions',
        b: 'check inter 200ms fall 2 on-marked-down shutdown-sessions'
      }
    }),
    servers: { a: { hello: '', http: { status: 200 } }, b: { hello: '', http: { status: 200 } } },
    play: async (stage) => {
      await ready(stage, 'a')
      await ready(stage, 'b')
      const ask = 'GET /watch HTTP/1.1\r\n\r\n'
      const watches = await Promise.all([1, 2, 3, 4].map(() => stage.connect({ says: ask })))
      await Promise.all(watches.map((one) => one.heard('200')))
      const at = (name: string) => stage.server(name).accepted.filter(({ text }) => text.includes('/watch'))
      await stage.until(() => at('a').length + at('b').length === 4, 'the watches at their servers')
      const mine = stage.server('a').accepted.filter(({ text }) => text.includes('/watch'))
      await stage.server('a').behave({ http: { status: 500 } })
      const answers: string[] = []
      let isOver = false
      const asking = (async () => {
        while (!isOver) {
          const client = await stage.connect({ says: 'GET /pods HTTP/1.1\r\nConnection: close\r\n\r\n' })
          await client.ended()
          answers.push(/^HTTP\/1.1 (\d+)/.exec(client.text)?.[1] ?? client.state)
        }
      })()
      // The server serves on; haproxy has called it down by then.
      await pause(1500)
      const early = watches.filter(({ endings }) => endings.length > 0).length
      await stage.server('a').close()
      // A server that shuts down closes connections that are idle, those of checks among them.
      const idle = stage
        .server('a')
        .accepted.filter(({ text, endings }) => text.includes('/readyz') && endings.length === 0)
      for (const one of idle) await one.end()
      await pause(1000)
      const cut = watches.filter(({ endings }) => endings.length > 0).length
      for (const watch of mine) await watch.end().catch(() => undefined)
      await pause(500)
      isOver = true
      await asking
      const errors = answers.filter((answer) => answer !== '200' && answer !== '500')
      return {
        'watches at the server': `${mine.length}`,
        'watches cut while it still served': `${early}`,
        'watches cut before it cut them': `${cut}`,
        // Whoever is there when haproxy calls its server down is cut with the watches.
        'clients with an error':
          stage.side === 'haproxy' && errors.length <= 2 ? 'those who were there' : tally(errors) || 'none',
        'enough clients asked': yes(answers.length > 20, `${answers.length}`)
      }
    },
    facts: {
      'watches at the server': '2',
      'watches cut while it still served': '2',
      'watches cut before it cut them': '2',
      'clients with an error': 'those who were there',
      'enough clients asked': 'yes'
    },
    vipd: {
      facts: {
        'clients with an error': 'none',
        'watches cut while it still served': '0',
        'watches cut before it cut them': '0'
      },
      why: 'haproxy knows up and down: with `on-marked-down` it cuts the watches of a server that is about to end them itself, without it it keeps those of dead servers. vipd knows ready, alive and dead: the first check that says 500 ends new connections, and the watches end when their server ends them.'
    }
  },
  {
    name: 'black-hole-checked',
    title: 'Once a check of a server has failed, no client waits for it any more, though `fall` is not reached',
    cases: [8],
    cfg: cfg({
      defaults: 'timeout connect 1s\nretries 3\noption redispatch',
      servers: { a: 'check inter 500ms fall 20', b: 'check inter 500ms fall 20' }
    }),
    servers: { a: {}, b: {} },
    play: async (stage) => {
      await ready(stage, 'a')
      await ready(stage, 'b')
      await pause(1800)
      await stage.blackhole('a')
      // Two intervals and their timeouts: at least one check has failed.
      await pause(2000)
      const seen = await stage.visits(6, { together: 6 })
      return {
        status: await stage.proxy.state('a'),
        clients: tally(seen.map(({ said, outcome }) => (outcome === 'ok' ? said : outcome))),
        'clients that waited': `${seen.filter(({ tookMs }) => tookMs > 700).length}`
      }
    },
    facts: { status: 'UP', clients: 'b 6', 'clients that waited': '3' },
    vipd: {
      facts: { 'clients that waited': '0' },
      why: 'A server whose last check failed is asked last. haproxy gives it its share until `fall` is reached, and each of those clients waits a `timeout connect`: with the seed’s settings 15 s, longer than a client’s own patience.'
    }
  },
  {
    name: 'disabled-404',
    title: '`http-check disable-on-404`: a server that says 404 gets no new clients and keeps those that it has',
    importSays: ['disable-on-404'],
    cfg: cfg({
      app: `${HTTP}\nhttp-check disable-on-404`.replace('http-check expect status 200\n', ''),
      servers: { a: 'check inter 200ms fall 2 on-marked-down shutdown-sessions' }
    }),
    servers: { a: { hello: '', http: { status: 200 } } },
    play: async (stage) => {
      await ready(stage, 'a')
      const client = await stage.connect()
      await stage.server('a').behave({ http: { status: 404 } })
      await stage.untilServer('a', 'DRAIN')
      await pause(500)
      return { status: await stage.proxy.state('a'), 'who was there': client.state }
    },
    facts: { status: 'DRAIN', 'who was there': 'open' }
  },
  {
    name: 'check-port',
    title: '`check port`: another port of the server is checked, and clients go to its own',
    cfg: cfg({ servers: { a: 'check port 7000 inter 200ms fall 2 rise 2' } }),
    servers: { a: {} },
    play: async (stage) => {
      const other = await stage.servers.listen('port', '10.77.0.21', 7000, {})
      await ready(stage, 'a')
      const up = await stage.turns(1)
      await other.close()
      await stage.untilServer('a', 'DOWN')
      return {
        'while it answers': up,
        'when it refuses': await stage.proxy.state('a'),
        check: await stage.proxy.checkResult('a')
      }
    },
    facts: { 'while it answers': 'a', 'when it refuses': 'DOWN', check: 'L4CON' }
  }
]

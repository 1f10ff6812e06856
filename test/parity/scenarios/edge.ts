import { join } from 'node:path'
import { pause } from '../../lab/wait.js'
import { clientHello } from '../client-hello.js'
import { logged, tally } from '../facts.js'
import { proxyV1, proxyV2, proxyV2Local, readV2 } from '../proxy-header.js'
import type { Scenario } from '../scenario.js'
import { clientAddresses, PORT, PROXY, PROXY6, type Stage } from '../stage.js'
import { cfg } from './common.js'

/** What happens at the edges: PROXY headers, names in a ClientHello, networks, and where it listens. */

const ACCEPT = '10.77.0.10:8443 accept-proxy'
const SNI = `frontend app
  bind 10.77.0.10:8443
  tcp-request inspect-delay 2s
  tcp-request content accept if { req.ssl_hello_type 1 }
  use_backend one if { req.ssl_sni -i one.example.com }
  use_backend sub if { req.ssl_sni -m end .sub.example.com }
  default_backend other
backend one
  server a 10.77.0.21:6443
backend sub
  server c 10.77.0.23:6443
backend other
  server b 10.77.0.22:6443
`
const sniCfg = `${cfg({}).split('listen app')[0]}${SNI}`

/** One connection that begins with this; whom the log names as client, or what became of it. */
async function introduced(stage: Stage, header: string, everyMs?: number): Promise<string> {
  const before = stage.server('a').accepted.length
  const client = await stage.connect()
  await client.say(header, everyMs)
  await stage.until(() => client.bytes > 0 || client.endings.length > 0, 'an answer or the end')
  if (client.bytes === 0) return `closed, ${stage.server('a').accepted.length - before} connections to the server`
  await client.end()
  await client.ended()
  return client.text.trim()
}

export const edge: readonly Scenario[] = [
  {
    name: 'accept-proxy',
    title: 'PROXY headers, version 1 and 2, tell who the client is',
    cfg: cfg({ bind: ACCEPT }),
    servers: { a: {} },
    play: async (stage) => {
      const one = await introduced(stage, proxyV1('192.0.2.7', 5007, '192.0.2.99', 443))
      const two = await introduced(stage, proxyV2('192.0.2.8', 5008, '192.0.2.99', 443))
      const local = await introduced(stage, proxyV2Local())
      const unknown = await introduced(stage, 'PROXY UNKNOWN\r\n')
      const [first, second] = [await stage.log({ port: 5007 }), await stage.log({ port: 5008 })]
      return {
        'version 1': `${one}, logged as ${first.client}`,
        'version 2': `${two}, logged as ${second.client}`,
        'version 2, LOCAL': local,
        'version 1, UNKNOWN': unknown
      }
    },
    facts: {
      'version 1': 'a, logged as 192.0.2.7:5007',
      'version 2': 'a, logged as 192.0.2.8:5008',
      'version 2, LOCAL': 'a',
      'version 1, UNKNOWN': 'a'
    }
  },
  {
    name: 'accept-proxy-in-pieces',
    title: 'PROXY headers that come byte by byte',
    cfg: cfg({ bind: ACCEPT }),
    servers: { a: {} },
    play: async (stage) => {
      const [one, two] = await Promise.all([
        introduced(stage, proxyV1('192.0.2.7', 5007, '192.0.2.99', 443), 5),
        introduced(stage, proxyV2('192.0.2.8', 5008, '192.0.2.99', 443), 5)
      ])
      const named = async (got: string, port: number): Promise<string> =>
        got === 'a' ? `a, logged as ${(await stage.log({ port })).client}` : got
      return { 'version 1': await named(one, 5007), 'version 2': await named(two, 5008) }
    },
    facts: { 'version 1': 'closed, 0 connections to the server', 'version 2': 'closed, 0 connections to the server' },
    vipd: {
      facts: { 'version 1': 'a, logged as 192.0.2.7:5007', 'version 2': 'a, logged as 192.0.2.8:5008' },
      why: 'A header may come in several segments: TCP promises nothing else. haproxy looks once and closes what is not whole; vipd waits for the rest, up to `timeout client_hs`.'
    }
  },
  {
    name: 'accept-proxy-malformed',
    title: 'What is no PROXY header is closed, and the server never hears of it',
    cfg: cfg({ bind: ACCEPT }),
    servers: { a: {} },
    play: async (stage) => {
      const wrong = {
        'no header': 'GET / HTTP/1.1\r\n\r\n',
        'version 1, no addresses': 'PROXY TCP4 here there 1 2\r\n',
        'version 1, longer than it may be': `PROXY TCP4 ${'9'.repeat(200)}\r\n`,
        'version 2, another version': `${proxyV2Local().slice(0, 12)}\x51\x11\x00\x00`
      }
      const seen: Record<string, string> = {}
      for (const [name, header] of Object.entries(wrong)) seen[name] = await introduced(stage, header)
      return {
        ...seen,
        'a good one after them': await introduced(stage, proxyV1('192.0.2.7', 5007, '192.0.2.99', 443))
      }
    },
    facts: {
      'no header': 'closed, 0 connections to the server',
      'version 1, no addresses': 'closed, 0 connections to the server',
      'version 1, longer than it may be': 'closed, 0 connections to the server',
      'version 2, another version': 'closed, 0 connections to the server',
      'a good one after them': 'a'
    }
  },
  {
    name: 'accept-proxy-silent',
    title: 'A client that owes a PROXY header and says nothing is closed in time',
    cfg: cfg({ bind: ACCEPT, defaults: 'timeout client 1s' }),
    vipdService: { timeout: { client_hs: '1s' } },
    servers: { a: {} },
    play: async (stage) => {
      const client = await stage.connect()
      const { at } = await client.ended()
      const took = at - client.connectedAt
      return {
        'closed within 4 s': took < 4000 ? 'yes' : `${took} ms`,
        'connections to the server': `${stage.server('a').accepted.length}`
      }
    },
    facts: { 'closed within 4 s': 'yes', 'connections to the server': '0' }
  },
  {
    name: 'send-proxy',
    title: '`send-proxy` and `send-proxy-v2`: servers are told who the client is, before its first byte',
    cfg: cfg({ app: 'balance roundrobin', servers: { a: 'send-proxy', b: 'send-proxy-v2' } }),
    servers: { a: {}, b: {} },
    play: async (stage) => {
      const [one, two] = [await stage.connect({ says: 'hello' }), await stage.connect({ says: 'hello' })]
      await Promise.all([one.heard('\n'), two.heard('\n')])
      const [a, b] = [await stage.server('a').connection(), await stage.server('b').connection()]
      await Promise.all([a.heard('hello'), b.heard('hello')])
      const told = (text: string): string =>
        [one, two].reduce((said, peer) => said.replace(`${peer.port}`, 'PORT'), text)
      return {
        'version 1': told(a.text).replace('\r\n', ' then '),
        'version 2': `${told(readV2(b.text) ?? 'none')} then ${b.text.slice(28)}`
      }
    },
    facts: {
      'version 1': `PROXY TCP4 ${clientAddresses[0]} ${PROXY} PORT ${PORT} then hello`,
      'version 2': `PROXY TCP4 ${clientAddresses[0]}:PORT ${PROXY}:${PORT} then hello`
    }
  },
  {
    name: 'sni',
    title: 'The name in the ClientHello decides which servers a client gets',
    cfg: sniCfg,
    servers: {},
    isStartedByPlay: true,
    play: async (stage) => {
      const file = (name: string): string => join(stage.folder, name)
      const make = ['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
      const into = ['-subj', '/CN=x', '-days', '2', '-keyout', file('key'), '-out', file('crt')]
      await stage.run('servers', [...make, ...into])
      const pem = (name: string): Promise<string> => stage.run('servers', ['cat', file(name)])
      const tls = { key: await pem('key'), cert: await pem('crt') }
      for (const name of ['a', 'b', 'c']) await stage.serve(name, { tls })
      await stage.start()
      const got = async (servername: string): Promise<string> => {
        const client = await stage.connect({ servername })
        await stage.until(() => client.bytes > 0 || client.endings.length > 0, 'an answer or the end')
        await client.end()
        return client.text.trim() || client.state
      }
      return {
        'one.example.com': await got('one.example.com'),
        'ONE.example.com': await got('ONE.example.com'),
        'x.sub.example.com': await got('x.sub.example.com'),
        'two.example.com': await got('two.example.com'),
        'no name': await got('')
      }
    },
    facts: {
      'one.example.com': 'a',
      'ONE.example.com': 'a',
      'x.sub.example.com': 'c',
      'two.example.com': 'b',
      'no name': 'b'
    }
  },
  {
    name: 'sni-in-pieces',
    title: 'A ClientHello cut into single bytes; one that is none; none at all',
    cfg: sniCfg,
    vipdService: { timeout: { client_hs: '2s' } },
    servers: { a: {}, b: {}, c: {} },
    play: async (stage) => {
      const pieces = await stage.connect()
      await pieces.say(clientHello('one.example.com'), 3)
      await pieces.heard('\n')
      const server = await stage.server('a').connection()
      await server.heard('one.example.com')
      const other = await stage.connect({ says: 'GET / HTTP/1.1\r\n\r\n' })
      await stage.until(() => other.bytes > 0 || other.endings.length > 0, 'an answer or the end')
      const silent = await stage.connect()
      await stage.until(() => silent.bytes > 0 || silent.endings.length > 0, 'an answer or the end')
      return {
        'byte by byte': pieces.text.trim(),
        'the server got it whole': server.text === clientHello('one.example.com') ? 'yes' : 'no',
        'no TLS': other.text.trim() || other.state,
        'says nothing, after 2 s': silent.text.trim() || silent.state
      }
    },
    facts: { 'byte by byte': 'a', 'the server got it whole': 'yes', 'no TLS': 'b', 'says nothing, after 2 s': 'b' }
  },
  {
    name: 'deny',
    title: 'Clients of some networks are reset at once, and the server never hears of them',
    cfg: cfg({ app: 'tcp-request connection reject if { src 10.77.0.102 10.77.0.104/31 }' }),
    servers: { a: {} },
    play: async (stage) => {
      const got: Record<string, string> = {}
      for (const from of clientAddresses.slice(0, 5)) got[from] = await stage.turns(1, { from })
      return { ...got, 'connections to the server': `${stage.server('a').accepted.length}` }
    },
    facts: {
      '10.77.0.101': 'a',
      '10.77.0.102': 'reset',
      '10.77.0.103': 'a',
      '10.77.0.104': 'reset',
      '10.77.0.105': 'reset',
      'connections to the server': '2'
    }
  },
  {
    name: 'allow',
    title: 'Clients of all but some networks are reset',
    cfg: cfg({ app: 'tcp-request connection reject unless { src 10.77.0.101 10.77.0.102 }' }),
    servers: { a: {} },
    play: async (stage) => {
      const got: Record<string, string> = {}
      for (const from of clientAddresses.slice(0, 4)) got[from] = await stage.turns(1, { from })
      return got
    },
    facts: { '10.77.0.101': 'a', '10.77.0.102': 'a', '10.77.0.103': 'reset', '10.77.0.104': 'reset' }
  },
  {
    name: 'content-reject',
    title: 'A client that is turned away by `tcp-request content reject` leaves a record',
    cfg: cfg({ app: 'tcp-request content reject if { src 10.77.0.102 }' }),
    servers: { a: {} },
    play: async (stage) => {
      const client = await stage.connect({ from: '10.77.0.102' })
      await client.ended()
      const log = await stage.firstLog()
      const others = await stage.turns(1)
      return { client: client.state, log: log.termination, others }
    },
    facts: { client: 'eof', log: 'PR', others: 'a' },
    vipd: {
      facts: { client: 'reset' },
      why: 'All who may not connect are turned away in the same way, by RST. haproxy ends a `content` rule’s session by FIN, as if a server had.'
    }
  },
  {
    name: 'unix-bind',
    title: 'It listens on a unix socket',
    cfg: cfg({ bind: '10.77.0.10:8443\n  bind unix@FOLDER/app.sock mode 666' }),
    servers: { a: {} },
    play: async (stage) => {
      const path = join(stage.folder, 'app.sock')
      const seen = await stage.client.visits({ to: { path }, count: 4, leave: 'fin' })
      const mode = (await stage.run('proxy', ['stat', '-c', '%a %F', path])).trim()
      return {
        clients: tally(seen.map(({ said, outcome }) => (outcome === 'ok' ? said : outcome))),
        'the socket': mode
      }
    },
    facts: { clients: 'a 4', 'the socket': '666 socket' }
  },
  {
    name: 'dual-stack-bind',
    title: 'A bind to [::] with `v4v6` takes IPv4 too',
    cfg: cfg({ bind: '[::]:8443 v4v6' }),
    servers: { a: {} },
    play: async (stage) => {
      const six = await stage.client.visits({ to: { host: PROXY6, port: PORT }, count: 2, leave: 'fin' })
      const four = await stage.visits(2)
      const of = (seen: typeof six): string =>
        seen.map(({ said, outcome }) => (outcome === 'ok' ? said : outcome)).join(' ')
      return { IPv6: of(six), IPv4: of(four), 'log of IPv4': logged(await stage.log({ port: four[0]?.port ?? 0 })) }
    },
    facts: { IPv6: 'a a', IPv4: 'a a', 'log of IPv4': '-- a' }
  },
  {
    name: 'several-binds',
    title: 'A service listens on several ports, and they share what it counts',
    cfg: cfg({ bind: '10.77.0.10:8443\n  bind 10.77.0.10:9443', app: 'balance roundrobin', servers: { a: '', b: '' } }),
    servers: { a: {}, b: {} },
    play: async (stage) => {
      const two = await stage.client.visits({ to: { host: PROXY, port: 9443 }, count: 2, leave: 'hold' })
      const one = await stage.turns(2, { leave: 'hold' })
      return {
        'at the second': tally(two.map(({ said }) => said)),
        'at the first': tally(one.split(' ')),
        sessions: `${(await stage.proxy.counts()).current}`
      }
    },
    facts: { 'at the second': 'a 1, b 1', 'at the first': 'a 1, b 1', sessions: '4' }
  },
  {
    name: 'source-address',
    title: 'Connections to a server come from the address that `source` says',
    cfg: cfg({ app: 'balance roundrobin', servers: { a: 'source 10.77.0.11', b: '' } }),
    servers: { a: {}, b: {} },
    isStartedByPlay: true,
    play: async (stage) => {
      await stage.run('proxy', ['ip', 'address', 'replace', '10.77.0.11/24', 'dev', 'eth0'])
      await stage.start()
      await stage.visits(4)
      const from = (name: string): string =>
        [...new Set(stage.server(name).accepted.map(({ remote }) => remote.split(':')[0]))].join(' ')
      return { 'with source': from('a'), without: from('b') }
    },
    facts: { 'with source': '10.77.0.11', without: '10.77.0.10' }
  },
  {
    name: 'vip-absent',
    title: 'The address that it is to listen on is not there yet, appears, and disappears',
    cases: [25],
    cfg: cfg({ bind: '10.77.0.99:8443' }),
    servers: { a: {} },
    isStartedByPlay: true,
    play: async (stage) => {
      await stage.run('proxy', ['ip', 'address', 'del', '10.77.0.99/24', 'dev', 'eth0']).catch(() => undefined)
      const { ok } = await stage.proxy.start()
      if (!ok) return { 'without the address': 'does not start' }
      await stage.run('proxy', ['ip', 'address', 'add', '10.77.0.99/24', 'dev', 'eth0'])
      const to = { host: '10.77.0.99', port: PORT }
      const client = await (await stage.client.connect(to)).heard('a')
      await stage.run('proxy', ['ip', 'address', 'del', '10.77.0.99/24', 'dev', 'eth0'])
      await pause(300)
      await stage.run('proxy', ['ip', 'address', 'add', '10.77.0.99/24', 'dev', 'eth0'])
      const again = await stage.client.visits({ to, count: 1, leave: 'fin' })
      await client.say('still')
      const server = await stage.server('a').connection()
      await server.heard('still')
      return {
        'without the address': 'starts',
        'when it is there': client.text.trim(),
        'when it is back': again[0]?.said ?? '',
        'a session that outlived that': client.state
      }
    },
    facts: { 'without the address': 'does not start' },
    vipd: {
      facts: {
        'without the address': 'starts',
        'when it is there': 'a',
        'when it is back': 'a',
        'a session that outlived that': 'open'
      },
      why: 'The node that has not got the VIP must be ready to serve when it gets it. haproxy needs `transparent` or a sysctl for that, else it does not even start after a boot; vipd always binds so (IP_FREEBIND).'
    }
  },
  {
    name: 'vip-moves',
    title: 'With `transparent` the address may come later, and go and come back under a session',
    cases: [25],
    cfg: cfg({ bind: '10.77.0.98:8443 transparent' }),
    servers: { a: {} },
    play: async (stage) => {
      const address = (word: string): Promise<string> =>
        stage.run('proxy', ['ip', 'address', word, '10.77.0.98/24', 'dev', 'eth0'])
      await address('del').catch(() => undefined)
      await address('add')
      const to = { host: '10.77.0.98', port: PORT }
      const client = await (await stage.client.connect(to)).heard('a')
      await address('del')
      await pause(300)
      await address('add')
      const again = await stage.client.visits({ to, count: 1, leave: 'fin' })
      await client.say('still')
      const server = await stage.server('a').connection()
      await server.heard('still')
      await address('del')
      return {
        'when it is there': client.text.trim(),
        'when it is back': again[0]?.said ?? '',
        'a session that outlived that': client.state
      }
    },
    facts: { 'when it is there': 'a', 'when it is back': 'a', 'a session that outlived that': 'open' }
  }
]

import t from 'tap'
import type { ServiceConfig } from '../../../src/config/schema.js'
import { observe, ordered } from '../../../src/proxy/changes.js'
import { isDead, newServer, type Server } from '../../../src/proxy/pool.js'
import { type ServiceState, tableOf } from '../../../src/proxy/table.js'
import { result, START, serviceConfig, THREE } from '../../fakes/fake-service.js'

const NOW = { ms: 0, today: START }

/** Servers with the identities 10, 11, …; each was found as said. */
function stateOf(config: ServiceConfig, found: readonly (boolean | undefined)[] = []): ServiceState {
  const servers = config.servers.map((one, index) => {
    const server = newServer(10 + index, one, START)
    const isOk = found[index]
    return isOk === undefined ? server : observe(server, result(isOk), NOW)
  })
  return { id: 3, config, servers, leaving: [], routes: [], maxconn: 400, nowMs: 0 }
}
const ALL = [true, true, true]
const table = (words: string, servers = THREE, found: readonly (boolean | undefined)[] = ALL) =>
  tableOf(stateOf(serviceConfig(servers, words), found))

t.test('the table is the whole service', async (t) => {
  const config = serviceConfig(
    THREE,
    `    timeout: { connect: 15s, server: 900s, client: 1h, tunnel: 2h, client_fin: 30s, server_fin: 31s, client_hs: 3s }
    retries: 2
    redispatch: false
    abortonclose: true
    maxconn: 500
    rate_limit: 40
    source_maxconn: 30
    deny: [ 10.9.0.0/16 ]
    allow: [ 10.0.0.0/8 ]
    transparent: true
    session_log: sampled
    log_sample: 7
    tcpka: { idle: 30500, intvl: 10s, cnt: 4 }
`
  )
  const routes = [{ servername: 'api.example.com', service: 9 }]
  const entry = (id: number, address: string, closeSessions: '' | 'down') => ({
    id,
    address,
    port: 6443,
    weight: 16,
    maxconn: 0,
    sendProxy: 0,
    source: '',
    closeSessions
  })
  t.strictSame(tableOf({ ...stateOf(config, [true, false]), routes }), {
    id: 3,
    backlog: 500,
    servers: [entry(10, '10.0.0.1', ''), entry(11, '10.0.0.2', 'down'), entry(12, '10.0.0.3', '')],
    algorithm: 'rotation',
    rotation: [0],
    ring: [],
    draws: 2,
    balanceFactor: 125,
    retries: 2,
    redispatch: false,
    abortsOnClose: true,
    maxconn: 400,
    rateLimit: 40,
    sourceMaxconn: 30,
    deny: ['10.9.0.0/16'],
    allow: ['10.0.0.0/8'],
    routes,
    isTransparent: true,
    connectTimeoutMs: 15_000,
    clientTimeoutMs: 3_600_000,
    serverTimeoutMs: 900_000,
    tunnelTimeoutMs: 7_200_000,
    clientFinTimeoutMs: 30_000,
    serverFinTimeoutMs: 31_000,
    queueTimeoutMs: 15_000,
    handshakeTimeoutMs: 3000,
    userTimeoutMs: 70_500,
    keepalive: { idleS: 31, intervalS: 10, count: 4 },
    sessionLog: 'sampled',
    logSample: 7
  })
})

t.test('each word of `balance` becomes what workers walk', async (t) => {
  const weights =
    '{ name: a, address: 10.0.0.1:1, weight: 5 }, { name: b, address: 10.0.0.2:1, weight: 3 }, { name: c, address: 10.0.0.3:1 }'
  const walked = (balance: string) => {
    const { algorithm, rotation, ring, draws, balanceFactor } = table(`    balance: ${balance}\n`, weights)
    return {
      algorithm,
      walk: rotation.map((index) => 'abc'[index]).join(''),
      points: ring.length / 2,
      draws,
      balanceFactor
    }
  }
  const none = { points: 0, draws: 2, balanceFactor: 0 }
  t.strictSame(walked('roundrobin'), { ...none, algorithm: 'rotation', walk: 'abacababa', balanceFactor: 125 })
  t.strictSame(walked('roundrobin\n    balance_factor: 0').balanceFactor, 0)
  t.strictSame(walked('static-rr'), { ...none, algorithm: 'rotation', walk: 'aabababac' })
  t.strictSame(walked('leastconn'), { ...none, algorithm: 'leastconn', walk: 'abc' })
  t.strictSame(walked('first'), { ...none, algorithm: 'first', walk: 'abc' })
  t.strictSame(walked('random'), { ...none, algorithm: 'random', walk: 'abacababa' })
  t.strictSame(walked('random(3)').draws, 3)
  t.strictSame(walked('source'), { ...none, algorithm: 'source', walk: 'aabababac' })
  t.strictSame(walked('source\n    hash_type: consistent'), {
    ...none,
    algorithm: 'consistent',
    walk: 'abc',
    points: 9 * 16
  })
})

t.test('points of the ring are of those that get connections, by their places among all servers', async (t) => {
  const { ring, rotation } = table('    balance: source\n    hash_type: consistent\n', THREE, [false, true, true])
  t.strictSame([...new Set(ring.filter((_, i) => i % 2 === 1))].sort(), [1, 2])
  t.strictSame(rotation, [1, 2])
})

t.test('words of a server: maxconn, source, PROXY header', async (t) => {
  const servers =
    '{ name: a, address: 10.0.0.1:1, maxconn: 9, source: 10.0.0.9, send_proxy: v2 }, { name: b, address: 10.0.0.2:1, send_proxy: v1 }'
  t.match(table('', servers).servers, [
    { maxconn: 9, source: '10.0.0.9', sendProxy: 2 },
    { maxconn: 0, source: '', sendProxy: 1 }
  ])
})

t.test('whose sessions are closed', async (t) => {
  const closing = (state: ServiceState) => tableOf(state).servers.map(({ closeSessions }) => closeSessions)
  const kept = THREE.replaceAll('6443 }', '6443, on_marked_down: none }')
  t.strictSame(closing(stateOf(serviceConfig(THREE), [true, false, undefined])), ['', 'down', ''])
  t.strictSame(closing(stateOf(serviceConfig(kept), [true, false])), ['', '', ''])
  const maint = (state: ServiceState): ServiceState => ({
    ...state,
    servers: state.servers.map((one): Server => ordered(one, { kind: 'state', state: 'maint' }, NOW))
  })
  t.strictSame(closing(maint(stateOf(serviceConfig(THREE), ALL))), ['down', 'down', 'down'])
  t.strictSame(closing(maint(stateOf(serviceConfig(kept), ALL))), ['', '', ''])
})

t.test('on_marked_up: backups that no longer serve lose their sessions to the server that came up', async (t) => {
  const servers = (word: string) =>
    `{ name: a, address: 10.0.0.1:1${word} }, { name: b, address: 10.0.0.2:1, backup: true }`
  const closing = (word: string, ...found: boolean[]) =>
    tableOf(stateOf(serviceConfig(servers(word)), found)).servers.map(({ closeSessions }) => closeSessions)
  const flag = ', on_marked_up: shutdown-backup-sessions'
  t.strictSame(closing(flag, true, true), ['', 'up'])
  t.strictSame(closing(flag, false, true), ['down', ''])
  t.strictSame(closing('', true, true), ['', ''])
})

t.test('a server that is no longer configured keeps its sessions and gets no more', async (t) => {
  const state = stateOf(serviceConfig(THREE), ALL)
  const [gone, ...servers] = state.servers
  if (gone === undefined) throw new Error('no server')
  const dead = [1, 2, 3].reduce((so) => observe(so, result(false), NOW), gone)
  t.ok(isDead(dead))
  const { servers: entries, rotation } = tableOf({ ...state, servers, leaving: [dead] })
  t.strictSame(
    entries.map(({ id, closeSessions }) => [id, closeSessions]),
    [
      [11, ''],
      [12, ''],
      [10, '']
    ]
  )
  t.strictSame(rotation, [0, 1])
})

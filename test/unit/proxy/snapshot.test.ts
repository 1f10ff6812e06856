import t from 'tap'
import type { ServiceCounters } from '../../../src/os/plane.js'
import { fakeService, HOSTS, serviceConfig, THREE } from '../../fakes/fake-service.js'

t.test('status puts together what was decided and what was counted: every number of either', async (t) => {
  const { one, answer } = fakeService(serviceConfig(THREE))
  one.start()
  answer(HOSTS[0], true)
  const counters: ServiceCounters = {
    id: 2,
    current: 1,
    max: 2,
    total: 3,
    bytesIn: 4,
    bytesOut: 5,
    refused: 6,
    denied: 21,
    sourceLimited: 22,
    malformed: 23,
    queued: 24,
    acceptPauses: 7,
    timeouts: { connect: 8, client: 9, server: 10, queue: 25, handshake: 26 },
    aborts: { client: 11, server: 12 },
    servers: [
      {
        id: 0,
        current: 13,
        total: 14,
        bytesIn: 15,
        bytesOut: 16,
        retries: 17,
        redispatches: 18,
        connectErrors: 19,
        killed: 20,
        failuresInRow: 27
      }
    ]
  }
  const { servers, ...service } = one.snapshot(counters)
  t.strictSame(service, {
    name: 'api',
    bind: ['10.32.255.99:8443'],
    balance: 'roundrobin',
    algorithm: 'roundrobin',
    listening: true,
    fault: null,
    serving: 'active',
    fail_open: false,
    maxconn: 20_000,
    maxconn_effective: 100,
    sessions: { current: 1, max: 2, total: 3 },
    queued: 24,
    bytes_in: 4,
    bytes_out: 5,
    refused: 6,
    denied: 21,
    source_limited: 22,
    malformed: 23,
    accept_pauses: 7,
    timeouts: { connect: 8, client: 9, server: 10, queue: 25, handshake: 26 },
    aborts: { client: 11, server: 12 },
    rebalance: null,
    leaving: []
  })
  t.strictSame(servers[0], {
    name: 'a',
    address: '10.0.0.1:6443',
    status: 'UP',
    reason: null,
    since: '2026-01-01T00:00:00.000Z',
    serving: true,
    backup: false,
    admin: 'ready',
    weight: 1,
    effective_weight: 1,
    slowstart_percent: null,
    maxconn: null,
    check: {
      type: 'tcp',
      result: 'L4OK',
      detail: '',
      latency_ms: 0.4,
      at: '2026-01-01T00:00:00.000Z',
      streak: 0,
      rise: 2,
      fall: 3
    },
    agent: null,
    drain: null,
    sessions: { current: 13, total: 14 },
    bytes_in: 15,
    bytes_out: 16,
    retries: 17,
    redispatches: 18,
    connect_errors: 19,
    failures_in_row: 27,
    killed: 20
  })
  t.match(servers[2], {
    status: 'DOWN',
    serving: false,
    reason: 'not checked yet',
    check: { result: 'INI', latency_ms: null, at: null },
    killed: 0
  })
})

t.test('a server without a check says so; a service without counters has none', async (t) => {
  const { one } = fakeService(serviceConfig('{ name: a, address: 10.0.0.1:1, check: false, backup: true }'))
  const status = one.snapshot(undefined)
  t.match(status.servers, [{ check: null, backup: true }])
  t.match(status, { listening: false, fault: 'not started', sessions: { total: 0 }, serving: 'backup' })
})

t.test('the algorithm is told with what belongs to it', async (t) => {
  const algorithm = (words: string) => fakeService(serviceConfig(THREE, words)).one.snapshot(undefined).algorithm
  t.equal(algorithm('    balance: random(3)\n'), 'random(3)')
  t.equal(algorithm('    balance: source\n'), 'source map-based')
  t.equal(algorithm('    balance: source\n    hash_type: consistent\n'), 'source consistent')
  t.equal(algorithm('    balance: leastconn\n'), 'leastconn')
})

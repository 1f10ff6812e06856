import fc from 'fast-check'
import t from 'tap'
import type { CheckConfig, ServiceConfig } from '../../../src/config/schema.js'
import type { CheckResult } from '../../../src/health/checker.js'
import type { ServiceCounters } from '../../../src/os/plane.js'
import { rotation } from '../../../src/proxy/balancer.js'
import { budget, descriptorsFor, shortage } from '../../../src/proxy/descriptors.js'
import { effective, isDead, newServer, observe, type Server } from '../../../src/proxy/pool.js'
import { Service } from '../../../src/proxy/service.js'
import { tableOf } from '../../../src/proxy/table.js'
import { configOf } from '../../fakes/fake-node.js'
import { errno, FakePlane } from '../../fakes/fake-plane.js'
import { ManualClock } from '../../fakes/manual-clock.js'
import { MemoryLog } from '../../fakes/memory-log.js'

const today = new Date(Date.UTC(2026, 0, 1))
const walk = (...weights: number[]): string =>
  rotation(weights.map((weight) => ({ weight })))
    .map((i) => 'abcdefgh'[i])
    .join('')

t.test('rotation', async (t) => {
  t.test('is smooth: the order that nginx walks', async (t) => {
    t.equal(walk(5, 1, 1), 'aabacaa')
    t.equal(walk(1, 1, 1), 'abc')
    t.equal(walk(2, 1), 'aba')
    t.equal(walk(4), 'a')
  })
  t.test('of 5, 3 and 1', async (t) => {
    t.equal(walk(5, 3, 1), 'abacababa')
  })
  t.test('is as short as the proportions allow', async (t) => {
    t.equal(walk(100, 100, 100), 'abc')
    t.equal(walk(50, 25), 'aba')
  })
  t.test('leaves out who has no weight', async (t) => {
    t.equal(walk(0, 1, 0, 1), 'bd')
    t.equal(walk(0, 0), '')
    t.equal(walk(), '')
  })
  t.test('gives everybody a turn, however long it would have to be', async (t) => {
    const weights = Array.from({ length: 200 }, (_, i) => (i % 2 === 0 ? 256 : 255))
    const turns = rotation(weights.map((weight) => ({ weight })))
    t.ok(turns.length <= 4500, String(turns.length))
    t.equal(new Set(turns).size, 200)
    const uneven = rotation([...Array.from({ length: 100 }, () => ({ weight: 256 })), { weight: 1 }])
    t.ok(uneven.includes(100))
  })
  t.test('gives everybody the share of the weight, and all along the way nearly so', async (t) => {
    const weights = fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 6 })
    fc.assert(
      fc.property(weights, (all) => {
        const turns = rotation(all.map((weight) => ({ weight })))
        const total = all.reduce((sum, weight) => sum + weight, 0)
        for (const [i, weight] of all.entries()) {
          const mine = turns.filter((turn) => turn === i).length
          if (total > 0 && mine * total !== weight * turns.length) throw new Error(`share of ${i}`)
          // In any stretch from the start nobody is two turns ahead of the share, or behind it.
          let so = 0
          for (const [at, turn] of turns.entries()) {
            if (turn === i) so++
            if (Math.abs(so - ((at + 1) * weight) / total) > 2) throw new Error(`${i} at ${at}`)
          }
        }
      }),
      { numRuns: 300 }
    )
    t.pass()
  })
})

const serviceConfig = (servers: string, more = ''): ServiceConfig => {
  const [one] = configOf(`proxy:
  - name: api
    bind: [ 10.32.255.99:8443 ]
    default_server: { check: { inter: 1s, rise: 2, fall: 3 } }
    servers: [ ${servers} ]
${more}`).proxy
  if (one === undefined) throw new Error('no service')
  return one
}
const THREE =
  '{ name: a, address: 10.0.0.1:6443 }, { name: b, address: 10.0.0.2:6443 }, { name: c, address: 10.0.0.3:6443 }'
const result = (isOk: boolean, code = isOk ? 'L4OK' : 'L4CON'): CheckResult => ({
  isOk,
  code,
  detail: isOk ? '' : 'ECONNREFUSED',
  tookMs: 0.4
})

t.test('pool', async (t) => {
  t.test('what is effective follows from what is configured and what was seen', async (t) => {
    const [checked, drained, unchecked, both] = serviceConfig(
      '{ name: a, address: 10.0.0.1:1 }, { name: b, address: 10.0.0.1:2, weight: 0 }, { name: c, address: 10.0.0.1:3, check: false }, { name: d, address: 10.0.0.1:4, check: false, weight: 0 }'
    ).servers.map((one) => newServer(one, today))
    const seen = (server: Server | undefined, ...oks: boolean[]): string => {
      if (server === undefined) throw new Error('no server')
      return effective(oks.reduce((one, isOk) => observe(one, result(isOk), today), server))
    }
    t.equal(seen(checked), 'DOWN', 'not checked yet')
    t.equal(seen(checked, true), 'UP')
    t.equal(seen(checked, false), 'DOWN')
    t.equal(seen(checked, true, false, false), 'UP')
    t.equal(seen(checked, true, false, false, false), 'DOWN')
    t.equal(seen(drained, true), 'DRAIN')
    t.equal(seen(drained, false), 'DOWN')
    t.equal(seen(unchecked), 'UP')
    t.equal(seen(unchecked, false, false, false), 'UP', 'nobody checks it')
    t.equal(seen(both), 'DRAIN')
  })
  t.test('dead is who a check has found dead, not who has not been checked', async (t) => {
    const [config] = serviceConfig(THREE).servers
    if (config === undefined) throw new Error('no server')
    const fresh = newServer(config, today)
    t.notOk(isDead(fresh))
    t.ok(isDead(observe(fresh, result(false), today)))
    t.notOk(isDead(observe(fresh, result(true), today)))
  })
  t.test('since is the moment of the flip, not of the last check', async (t) => {
    const [config] = serviceConfig(THREE).servers
    if (config === undefined) throw new Error('no server')
    const later = new Date(today.getTime() + 1000)
    const up = observe(newServer(config, today), result(true), later)
    t.equal(up.since, later)
    t.equal(observe(up, result(true), today).since, later)
    t.equal(observe(up, result(false), today).since, later)
  })
})

t.test('the table is the whole service', async (t) => {
  const config = serviceConfig(
    THREE,
    '    timeout: { connect: 15s, server: 900s, client: 1h }\n    retries: 2\n    redispatch: false\n    maxconn: 500\n    tcpka: { idle: 30500, intvl: 10s, cnt: 4 }\n'
  )
  const [a, b, c] = config.servers.map((one) => newServer(one, today))
  if (a === undefined || b === undefined || c === undefined) throw new Error('no servers')
  const servers = [observe(a, result(true), today), observe(b, result(false), today), c]
  t.strictSame(tableOf(3, config, servers, 400), {
    id: 3,
    listeners: [
      {
        kind: 'tcp',
        address: '10.32.255.99',
        port: 8443,
        v4v6: false,
        interface: '',
        acceptProxy: false,
        maxconn: 0
      }
    ],
    backlog: 500,
    servers: [
      { id: 0, address: '10.0.0.1', port: 6443, weight: 1, maxconn: 0, sendProxy: 0, source: '', closeSessions: '' },
      {
        id: 1,
        address: '10.0.0.2',
        port: 6443,
        weight: 1,
        maxconn: 0,
        sendProxy: 0,
        source: '',
        closeSessions: 'down'
      },
      { id: 2, address: '10.0.0.3', port: 6443, weight: 1, maxconn: 0, sendProxy: 0, source: '', closeSessions: '' }
    ],
    rotation: [0],
    algorithm: 'rotation',
    draws: 2,
    ring: [],
    balanceFactor: 125,
    retries: 2,
    redispatch: false,
    maxconn: 400,
    rateLimit: 0,
    sourceMaxconn: 0,
    deny: [],
    allow: [],
    routes: [],
    isTransparent: false,
    connectTimeoutMs: 15_000,
    clientTimeoutMs: 3_600_000,
    serverTimeoutMs: 900_000,
    tunnelTimeoutMs: 0,
    clientFinTimeoutMs: 0,
    serverFinTimeoutMs: 0,
    queueTimeoutMs: 15_000,
    handshakeTimeoutMs: 5000,
    sessionLog: 'off',
    logSample: 100,
    userTimeoutMs: 60_000,
    keepalive: { idleS: 31, intervalS: 10, count: 4 }
  })
})

t.test('a check that could not be made here says nothing about the server', async (t) => {
  const [config] = serviceConfig('{ name: a, address: 10.0.0.1:6443 }').servers
  if (config === undefined) throw new Error('no server')
  const shortage: CheckResult = { isOk: false, code: 'SOCKERR', detail: 'EMFILE', tookMs: 0 }
  let one = observe(newServer(config, today), shortage, today)
  t.equal(one.verdict.status, 'UNKNOWN')
  one = observe(one, result(true), today)
  for (let i = 0; i < 10; i++) one = observe(one, shortage, today)
  t.equal(effective(one), 'UP')
  t.equal(one.lastCheck?.code, 'SOCKERR')
})

t.test('descriptors', async (t) => {
  for (const wanted of [1, 100, 20_000, 1_000_000]) {
    t.strictSame(budget(wanted, 2, descriptorsFor(wanted, 2)), { sessions: wanted, pipes: 288 })
  }
  t.ok(descriptorsFor(100, 8) > descriptorsFor(100, 2), 'each worker has pipes of its own')
  t.strictSame(budget(100, 2, 0), { sessions: 1, pipes: 0 }, 'one at least')
  for (const limit of [256, 700, 1024, 4096]) {
    for (const threads of [1, 2, 64]) {
      const { sessions, pipes } = budget(20_000, threads, limit)
      const reserve = 128 + 16 * threads
      if (limit <= reserve) continue
      t.ok(sessions >= Math.floor((limit - reserve) * 0.45), `${sessions} sessions within ${limit}`)
      t.ok(2 * sessions + 2 * pipes * threads + reserve <= limit)
    }
  }
  t.equal(shortage(20_000, 2, descriptorsFor(20_000, 2)), undefined)
  t.match(
    shortage(20_000, 1, 4096),
    /maxconn 20000 needs \d+ open files and this process may open 4096: \d+ sessions fit/
  )
})

function service(config: ServiceConfig, plane = new FakePlane()) {
  const clock = new ManualClock()
  const log = new MemoryLog(clock.now)
  const probes: { host: string; port: number; at: number; done: (result: CheckResult) => void }[] = []
  const faults: (string | undefined)[] = []
  const one: Service = new Service(2, config, 100, {
    clock,
    log,
    plane,
    probe: (check: CheckConfig) => (_, done) => {
      probes.push({ host: check.host, port: check.port, at: clock.now(), done })
    },
    random: () => 0.5,
    today: () => new Date(today.getTime() + clock.now()),
    onChange: () => faults.push(one.fault)
  })
  /** Answers the open probe of a host. */
  const answer = (host: string, isOk: boolean): void => {
    const index = probes.findIndex((probe) => probe.host === host)
    const [probe] = index < 0 ? [] : probes.splice(index, 1)
    if (probe === undefined) throw new Error(`${host} is not being checked`)
    probe.done(result(isOk))
  }
  const round = async (isOk: boolean, ...hosts: string[]): Promise<void> => {
    for (const host of hosts) answer(host, isOk)
    await clock.advance(1000)
  }
  return { clock, log, plane, probes, faults, one, answer, round }
}

t.test('a service', async (t) => {
  t.test('listens and checks every server at once; none has traffic before it has passed', async (t) => {
    const { one, plane, probes, faults, answer } = service(serviceConfig(THREE))
    t.equal(one.fault, 'not started')
    one.start()
    t.equal(one.fault, undefined)
    t.strictSame(faults, [undefined])
    t.strictSame(
      probes.map(({ host, at }) => [host, at]),
      [
        ['10.0.0.1', 0],
        ['10.0.0.2', 0],
        ['10.0.0.3', 0]
      ]
    )
    t.strictSame(plane.table?.rotation, [])
    t.ok(plane.table?.servers.every((server) => !server.closeSessions))
    answer('10.0.0.2', true)
    t.strictSame(plane.table?.rotation, [1])
    t.equal(one.snapshot(undefined).servers[1]?.status, 'UP')
  })

  t.test('takes a server out after fall failures, closes its sessions, and puts it back after rise', async (t) => {
    const { one, plane, round, log } = service(serviceConfig(THREE))
    one.start()
    await round(true, '10.0.0.1', '10.0.0.2', '10.0.0.3')
    t.strictSame(plane.table?.rotation, [0, 1, 2])
    const published = plane.tables.length
    await round(false, '10.0.0.1')
    await round(false, '10.0.0.1')
    t.equal(plane.tables.length, published, 'nothing is published before it flips')
    await round(false, '10.0.0.1')
    t.strictSame(plane.table?.rotation, [1, 2])
    t.strictSame(
      plane.table?.servers.map((server) => server.closeSessions),
      [true, false, false]
    )
    t.match(log.said('server is DOWN').at(-1), {
      level: 'warn',
      facts: {
        service: 'api',
        server: 'a',
        address: '10.0.0.1:6443',
        status: 'DOWN',
        check: 'L4CON',
        detail: 'ECONNREFUSED',
        up: 2,
        of: 3
      }
    })
    await round(true, '10.0.0.1')
    t.strictSame(plane.table?.rotation, [1, 2])
    await round(true, '10.0.0.1')
    t.strictSame(plane.table?.rotation, [0, 1, 2])
    t.match(log.said('server is UP').at(-1), { level: 'info', facts: { server: 'a', up: 3, of: 3 } })
    t.strictSame(
      plane.table?.servers.map((server) => server.closeSessions),
      [false, false, false]
    )
  })

  t.test('without any server stays up itself: it is no fault of the node', async (t) => {
    const { one, answer, log } = service(serviceConfig(THREE))
    one.start()
    answer('10.0.0.1', false)
    answer('10.0.0.2', false)
    t.equal(log.said('no server is available: clients are reset at once').length, 0, 'one is not checked yet')
    answer('10.0.0.3', false)
    t.equal(log.said('no server is available: clients are reset at once').length, 1)
    t.equal(one.fault, undefined)
  })

  t.test('that cannot bind is a fault, tried again each second, and clears', async (t) => {
    const plane = new FakePlane()
    plane.refusal = errno('EADDRINUSE')
    const unchecked = '{ name: a, address: 10.0.0.1:6443, check: false }'
    const { one, clock, faults, log } = service(serviceConfig(unchecked), plane)
    one.start()
    const reason = 'cannot listen on 10.32.255.99:8443: another program listens there (ss -ltnp shows which)'
    t.equal(one.fault, reason)
    await clock.advance(3500)
    t.equal(plane.attempts, 4)
    t.strictSame(faults, [reason], 'told once')
    t.equal(log.said('cannot listen').length, 1)
    t.match(one.snapshot(undefined), { listening: false, fault: reason })
    plane.refusal = undefined
    await clock.advance(500)
    t.equal(one.fault, undefined)
    t.strictSame(faults, [reason, undefined])
    t.match(log.said('listening').at(-1)?.facts, { bind: ['10.32.255.99:8443'] })
    await clock.advance(5000)
    t.equal(plane.attempts, 5, 'and then no more')
  })

  t.test('tells why it cannot bind', async (t) => {
    for (const [error, words] of [
      [errno('EACCES'), /ports below 1024 need CAP_NET_BIND_SERVICE$/],
      [errno('EMFILE', 'EMFILE: too many open files'), /: EMFILE: too many open files$/],
      [new Error('odd'), /: odd$/]
    ] as const) {
      const plane = new FakePlane()
      plane.refusal = error
      const { one } = service(serviceConfig(THREE), plane)
      one.start()
      t.match(one.fault, words)
    }
  })

  t.test('stopped checks nothing, binds nothing, hears nothing', async (t) => {
    const plane = new FakePlane()
    plane.refusal = errno('EADDRINUSE')
    const { one, clock, probes, answer } = service(serviceConfig(THREE), plane)
    one.start()
    one.stop(true)
    t.strictSame(plane.withdrawn, [{ service: 2, closeSessions: true }])
    const attempts = plane.attempts
    for (const host of ['10.0.0.1', '10.0.0.2', '10.0.0.3']) answer(host, true)
    await clock.advance(10_000)
    t.equal(plane.attempts, attempts)
    t.equal(probes.length, 0)
    t.equal(clock.pending, 0)
  })

  t.test('tells a failed connection once a minute for each server', async (t) => {
    const { one, log, clock } = service(serviceConfig(THREE))
    const failed = (server: number) => ({ type: 'connect-failed', service: 2, server, error: 'ECONNREFUSED' }) as const
    for (let i = 0; i < 10; i++) one.onEvent(failed(0))
    one.onEvent(failed(1))
    one.onEvent({ type: 'accept-failed', service: 2, server: -1, error: 'EMFILE' })
    t.strictSame(
      log.lines.map(({ message, facts }) => [message, facts['server'], facts['error']]),
      [
        ['connection to server failed', 'a', 'ECONNREFUSED'],
        ['connection to server failed', 'b', 'ECONNREFUSED'],
        ['cannot accept connections', undefined, 'EMFILE']
      ]
    )
    await clock.advance(60_000)
    one.onEvent(failed(0))
    t.equal(log.lines.at(-1)?.facts['suppressed'], 9)
  })

  t.test('status puts together what was decided and what was counted: every number of either', async (t) => {
    const { one, answer } = service(serviceConfig(THREE))
    one.start()
    answer('10.0.0.1', true)
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
    const status = one.snapshot(counters)
    t.match(status, {
      name: 'api',
      bind: ['10.32.255.99:8443'],
      balance: 'roundrobin',
      listening: true,
      fault: null,
      maxconn: 20_000,
      maxconn_effective: 100,
      sessions: { current: 1, max: 2, total: 3 },
      bytes_in: 4,
      bytes_out: 5,
      refused: 6,
      accept_pauses: 7,
      timeouts: { connect: 8, client: 9, server: 10 },
      aborts: { client: 11, server: 12 }
    })
    t.strictSame(status.servers[0], {
      name: 'a',
      address: '10.0.0.1:6443',
      status: 'UP',
      since: '2026-01-01T00:00:00.000Z',
      weight: 1,
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
      sessions: { current: 13, total: 14 },
      bytes_in: 15,
      bytes_out: 16,
      retries: 17,
      redispatches: 18,
      connect_errors: 19,
      killed: 20
    })
    t.match(status.servers[2], { status: 'DOWN', check: { result: 'INI', latency_ms: null, at: null }, killed: 0 })
    t.equal(
      service(serviceConfig('{ name: a, address: 10.0.0.1:1, check: false }')).one.snapshot(undefined).servers[0]
        ?.check,
      null
    )
  })
})

import t from 'tap'
import { History } from '../../../src/base/history.js'
import { Operator } from '../../../src/daemon/operator.js'
import type { DataPlaneCounters, LiveSession, SessionFilter } from '../../../src/os/plane.js'
import { ManualClock } from '../../fakes/manual-clock.js'
import { MemoryLog } from '../../fakes/memory-log.js'

const session = (id: number, overrides: Partial<LiveSession> = {}): LiveSession => ({
  id,
  service: 0,
  backend: 0,
  server: 0,
  client: `192.0.2.7:${40_000 + id}`,
  listener: '10.0.0.9:8443',
  local: '10.0.0.1:40100',
  bytesIn: 1,
  bytesOut: 2,
  state: 'established',
  ageMs: 60_000.4,
  idleMs: 10.6,
  ...overrides
})

function make(living: LiveSession[], isStuck: boolean | 'unwilling' = false) {
  const clock = new ManualClock()
  const log = new MemoryLog()
  const history = new History()
  const filters: SessionFilter[] = []
  const killed: number[] = []
  const orders: unknown[] = []
  let reads = 0
  const onRead: ((nth: number) => void)[] = []
  const currents = { service: 0, server: 0 }
  const operator = new Operator({
    clock,
    log,
    history,
    today: () => new Date(0),
    plane: {
      sessions: (filter, done) => {
        filters.push(filter)
        if (isStuck === 'unwilling') throw Object.assign(new Error('EAGAIN'), { code: 'EAGAIN' })
        if (isStuck) return
        for (const run of onRead) run(++reads)
        const found = living.filter(
          ({ backend, server }) => filter.server < 0 || (server === filter.server && backend === filter.service)
        )
        done(found.slice(0, filter.most))
      },
      kill: (id) => {
        killed.push(id)
        const at = living.findIndex((one) => one.id === id)
        if (at >= 0) living.splice(at, 1)
      },
      counters: (): DataPlaneCounters => ({
        services: [
          { ...noService, id: 0, current: currents.service, servers: [{ ...noServer, current: currents.server }] }
        ],
        heartbeats: [],
        eventsDropped: 0,
        recordsDropped: 0,
        bytesSpliced: 0
      })
    },
    services: {
      list: [],
      order: (service, server, order) => {
        orders.push([service, server, order])
        return server === 'a1' ? { ok: true, status: 'DRAIN', detail: 'x' } : { ok: false, error: 'none' }
      },
      names: (service, server) => ({ service: `s${service}`, server: server < 0 ? null : `a${server + 1}` }),
      idsOf: (service, server) =>
        service === undefined
          ? { service: -1, server: -1 }
          : service !== 'api' || (server !== undefined && server !== 'a1')
            ? undefined
            : { service: 0, server: server === undefined ? -1 : 0 }
    }
  })
  return { operator, clock, log, history, filters, killed, orders, onRead, currents }
}
const noServer = {
  id: 0,
  current: 0,
  total: 0,
  bytesIn: 0,
  bytesOut: 0,
  retries: 0,
  redispatches: 0,
  connectErrors: 0,
  killed: 0,
  failuresInRow: 0
}
const noService = {
  id: 0,
  current: 0,
  max: 0,
  total: 0,
  bytesIn: 0,
  bytesOut: 0,
  refused: 0,
  denied: 0,
  sourceLimited: 0,
  malformed: 0,
  queued: 0,
  acceptPauses: 0,
  timeouts: { connect: 0, client: 0, server: 0, queue: 0, handshake: 0 },
  aborts: { client: 0, server: 0 }
}

t.test('an order is given, logged and kept as an event; one that cannot be is neither', async (t) => {
  const { operator, log, history, orders } = make([])
  const verdict = operator.order({ service: 'api', server: 'a1' }, { kind: 'state', state: 'drain' })
  t.strictSame(verdict, { ok: true, status: 'DRAIN', detail: 'x' })
  operator.order({ service: 'api', server: 'a1' }, { kind: 'weight', weight: 0 })
  t.match(operator.order({ service: 'api', server: 'a2' }, { kind: 'weight', weight: 0 }), { ok: false })
  t.equal(orders.length, 3)
  t.match(log.said('server order of the operator'), [
    { level: 'info', facts: { service: 'api', server: 'a1', state: 'drain', status: 'DRAIN' } },
    { facts: { weight: 0 } }
  ])
  t.match(history.since(0), [
    {
      scope: 'proxy',
      instance: 'api',
      event: 'server order',
      facts: { server: 'a1', state: 'drain', status: 'DRAIN' }
    },
    { facts: { weight: 0 } }
  ])
})

t.test('sessions are told with names, no more than asked for, beside how many there are', async (t) => {
  const { operator, filters, currents } = make([session(31), session(32, { server: -1, state: 'queued' }), session(33)])
  currents.service = 900
  const verdict = await operator.sessions({ service: 'api', server: null, limit: 2 })
  t.match(verdict, {
    ok: true,
    total: 900,
    sessions: [
      { id: '0x1f', service: 's0', backend: 's0', server: 'a1', age_ms: 60_000, idle_ms: 11, state: 'established' },
      { id: '0x20', server: null, state: 'queued' }
    ]
  })
  t.equal(verdict.ok && verdict.sessions.length, 2)
  t.strictSame(filters, [{ service: 0, server: -1, quietMs: 0, most: 2 }])
  currents.server = 400
  t.match(await operator.sessions({ service: 'api', server: 'a1', limit: 1 }), { total: 400 })
  t.match(await operator.sessions({ service: null, server: null, limit: 1 }), { total: 900 })
})

t.test('names that are not there are told', async (t) => {
  const { operator, filters } = make([])
  const of = async (service: string, server: string | null) => operator.sessions({ service, server, limit: 1 })
  t.match(await of('apj', null), { ok: false, error: /^there is no service apj: / })
  t.match(await operator.kill({ kind: 'server', service: 'apj', server: 'a1' }), { ok: false, error: /apj/ })
  t.strictSame(filters, [])
})

t.test('sessions are ended by their numbers; those that are gone are named', async (t) => {
  const { operator, killed, history, log } = make([session(31), session(32), session(33)])
  t.strictSame(await operator.kill({ kind: 'ids', ids: [31, 99, 33] }), { ok: true, ended: 2, unknown: ['0x63'] })
  t.strictSame(killed, [31, 33])
  t.match(history.since(0), [{ event: 'sessions ended', facts: { ended: 2, sessions: ['0x1f', '0x21'] } }])
  t.equal(log.said('sessions ended by the operator').length, 1)
  t.match(await operator.kill({ kind: 'ids', ids: [99] }), { ended: 0, unknown: ['0x63'] })
  t.equal(history.since(0).length, 1, 'nothing happened')
})

t.test('all sessions of a server are ended, a chunk at a time', async (t) => {
  const living = Array.from({ length: 4500 }, (_, i) => session(i, { ageMs: 1000 }))
  const others = [session(9000, { server: 1 }), session(9001, { backend: 1 })]
  const all = [...living, ...others]
  const { operator, killed, filters } = make(all)
  t.match(await operator.kill({ kind: 'server', service: 'api', server: 'a1' }), { ok: true, ended: 4500, unknown: [] })
  t.equal(new Set(killed).size, 4500)
  t.strictSame(all, others)
  t.ok(filters.every(({ most }) => most <= 2000))
})

t.test('sessions that come while others are ended are left alone, and it comes to an end', async (t) => {
  const living = [session(1, { ageMs: 1000 })]
  const { operator, killed, onRead, clock } = make(living)
  onRead.push((nth) => {
    clock.time.skip(10)
    if (nth > 1) living.push(session(100 + nth, { ageMs: 5 }))
  })
  t.match(await operator.kill({ kind: 'server', service: 'api', server: 'a1' }), { ended: 1 })
  t.strictSame(killed, [1])
})

t.test('a data plane that does not answer is not waited for', async (t) => {
  const { operator, clock } = make([], true)
  const asked = [
    operator.sessions({ service: null, server: null, limit: 1 }),
    operator.kill({ kind: 'ids', ids: [1] }),
    operator.kill({ kind: 'server', service: 'api', server: 'a1' })
  ]
  await clock.advance(2000)
  for (const verdict of await Promise.all(asked)) t.match(verdict, { ok: false, error: /data plane/ })
  t.equal(clock.pending, 0)
})

t.test('a data plane that takes no more questions is told of, and leaves no timer', async (t) => {
  const { operator, clock } = make([session(1)], 'unwilling')
  t.match(await operator.sessions({ service: null, server: null, limit: 1 }), { ok: false, error: /vipd status/ })
  t.match(await operator.kill({ kind: 'ids', ids: [1] }), { ok: false })
  t.equal(clock.pending, 0)
})

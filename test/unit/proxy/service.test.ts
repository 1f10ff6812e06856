import t from 'tap'
import { countersOf, fakeService, HOSTS, result, serviceConfig, THREE, UNREADY } from '../../fakes/fake-service.js'

const [A, B, C] = HOSTS

t.test('listens and checks every server at once; none has traffic before it has passed', async (t) => {
  const { one, plane, probes, answer, clock, changes } = fakeService(serviceConfig(THREE))
  t.equal(one.fault, 'not started')
  one.start()
  t.equal(one.fault, undefined)
  t.ok(changes.length > 0)
  t.strictSame(
    probes.map(({ host, at }) => [host, at]),
    HOSTS.map((host) => [host, 0])
  )
  t.strictSame(plane.table?.rotation, [])
  t.ok(plane.table?.servers.every(({ closeSessions }) => closeSessions === ''))
  answer(B, true)
  await clock.advance(0)
  t.strictSame(plane.table?.rotation, [1])
  t.equal(one.snapshot(undefined).servers[1]?.status, 'UP')
})

t.test('what comes at once is published at once, and only once', async (t) => {
  const { begin, plane } = fakeService(serviceConfig(THREE))
  await begin()
  t.strictSame(
    plane.tables.map(({ rotation }) => rotation.length),
    [0, 3]
  )
})

t.test('takes a server out after fall failures, closes its sessions, and puts it back after rise', async (t) => {
  const { begin, clock, closes, walk, log, say } = fakeService(serviceConfig(THREE))
  await begin()
  t.equal(walk(), 'abc')
  say(false, A)
  await clock.advance(1000)
  t.equal(walk(), 'bc', 'the first failure: others are asked first')
  t.strictSame(closes(), ['', '', ''])
  await clock.advance(2000)
  t.strictSame(closes(), ['down', '', ''])
  t.match(log.said('server is DOWN').at(-1), {
    level: 'warn',
    facts: {
      service: 'api',
      server: 'a',
      address: '10.0.0.1:6443',
      status: 'DOWN',
      check: 'L4CON',
      detail: 'ECONNREFUSED',
      reason: 'found dead: L4CON ECONNREFUSED',
      up: 2,
      of: 3
    }
  })
  say(true, A)
  await clock.advance(1000)
  t.equal(walk(), 'bc')
  await clock.advance(1000)
  t.equal(walk(), 'abc')
  t.strictSame(closes(), ['', '', ''])
  t.match(log.said('server is UP').at(-1), { level: 'warn', facts: { server: 'a', up: 3, of: 3 } })
})

t.test('a server that says it is not ready keeps its sessions and gets no new ones', async (t) => {
  const { begin, clock, closes, walk, log, say, one } = fakeService(serviceConfig(THREE))
  await begin()
  say(UNREADY, A)
  await clock.advance(3000)
  t.equal(walk(), 'bc')
  t.strictSame(closes(), ['', '', ''])
  t.match(log.said('server drains').at(-1), { level: 'warn', facts: { server: 'a', status: 'DRAIN', check: 'L7STS' } })
  one.look(countersOf([{ current: 12 }, {}, {}]))
  const status = one.snapshot(countersOf([{ current: 12 }]))
  t.match(status.servers[0], {
    status: 'DRAIN',
    serving: false,
    drain: { since: '2026-01-01T00:00:03.000Z', sessions_left: 12 }
  })
  t.equal(log.said('server has no session left').length, 0)
  one.look(countersOf([{ current: 0 }, {}, {}]))
  t.match(log.said('server has no session left').at(-1)?.facts, { server: 'a' })
})

t.test('fails open: if no server is ready, those that are alive are used, and it is said', async (t) => {
  const { begin, clock, walk, log, say, one } = fakeService(serviceConfig(THREE))
  await begin()
  say(false, A)
  say(UNREADY, B, C)
  await clock.advance(3000)
  t.equal(walk(), 'bc')
  t.match(one.snapshot(undefined), { serving: 'fail-open', fail_open: true })
  t.match(one.snapshot(undefined).servers[1]?.reason, /no server is ready, so it gets connections/)
  t.match(log.said('no server is ready: those that are alive get the connections'), [{ level: 'warn' }])
  t.equal(
    one.reach(() => false),
    'serving'
  )
  say(true, C)
  await clock.advance(2000)
  t.equal(walk(), 'c')
  t.equal(log.said('servers are UP again: they get the connections').length, 1)
  t.notOk(one.snapshot(undefined).fail_open)
})

t.test('backups serve when no other server can, the first alone, and their sessions end where asked', async (t) => {
  const servers =
    '{ name: a, address: 10.0.0.1:1, on_marked_up: shutdown-backup-sessions }, { name: b, address: 10.0.0.2:1, backup: true }, { name: c, address: 10.0.0.3:1, backup: true }'
  const { begin, clock, walk, closes, log, say, one } = fakeService(serviceConfig(servers))
  await begin()
  t.equal(walk(), 'a')
  say(false, A)
  await clock.advance(3000)
  t.equal(walk(), 'b')
  t.equal(log.said('no server but backups is UP: they get the connections').length, 1)
  t.equal(one.snapshot(undefined).serving, 'backup')
  say(true, A)
  await clock.advance(2000)
  t.equal(walk(), 'a')
  t.strictSame(closes(), ['', 'up', 'up'])
  const all = fakeService(serviceConfig(servers, '    allbackups: true\n'))
  await all.begin()
  all.say(false, A)
  await all.clock.advance(3000)
  t.equal(all.walk(), 'bc')
})

t.test('without any server stays up itself: it is no fault of the node', async (t) => {
  const { one, answer, log, clock } = fakeService(serviceConfig(THREE))
  const none = () => log.said('no server is available: clients are reset at once').length
  one.start()
  answer(A, false)
  answer(B, false)
  await clock.advance(0)
  t.equal(none(), 0, 'one is not checked yet')
  answer(C, false)
  await clock.advance(0)
  t.equal(none(), 1)
  t.equal(one.fault, undefined)
  t.equal(
    one.reach(() => true),
    'nothing'
  )
})

t.test('reach: the server on this host answers, though it may not serve', async (t) => {
  const { begin, one } = fakeService(serviceConfig(THREE))
  await begin()
  for (const name of ['a', 'b', 'c']) one.order(name, { kind: 'state', state: 'drain' })
  t.equal(
    one.reach((host) => host === A),
    'local'
  )
  t.equal(
    one.reach(() => false),
    'nothing'
  )
})

t.test('a check that finds something else without changing the status is told, once a minute', async (t) => {
  const { begin, clock, say, log } = fakeService(serviceConfig(THREE))
  await begin()
  say(false, A)
  await clock.advance(1000)
  say(true, A)
  await clock.advance(1000)
  say(false, A)
  await clock.advance(1000)
  t.strictSame(
    log.said('health check has another result').map(({ facts }) => [facts['server'], facts['check'], facts['streak']]),
    [
      ['a', 'L4CON', 1],
      ['a', 'L4OK', 0]
    ]
  )
})

t.test('a check that could not be made here is told, and changes nothing', async (t) => {
  const { begin, clock, say, log, walk } = fakeService(serviceConfig(THREE))
  await begin()
  say({ isOk: false, code: 'SOCKERR', detail: 'EMFILE', tookMs: 0 }, A)
  await clock.advance(5000)
  t.equal(walk(), 'abc')
  t.match(log.said('health check could not be made'), [{ facts: { error: 'EMFILE' } }])
})

t.test('stopped checks nothing, binds nothing, hears nothing', async (t) => {
  const rebalance = '    rebalance: {}\n'
  const { one, clock, probes, plane, answer } = fakeService(serviceConfig(THREE, rebalance))
  one.start()
  const late = probes.map(({ done }) => done)
  answer(A, true)
  one.stop(true)
  t.strictSame(plane.withdrawn, [{ service: 2, closeSessions: true }])
  const { attempts } = plane
  for (const done of late) done(result(true))
  one.look(countersOf([{ failuresInRow: 50 }]))
  await clock.advance(100_000)
  t.equal(plane.attempts, attempts)
  t.equal(probes.length, 0)
  t.equal(clock.pending, 0)
  one.start()
  t.equal(plane.attempts, attempts, 'once stopped it stays so')
})

t.test(
  'a server that its first check finds dead is as loud as one that goes: at the start, by a reload, after maintenance',
  async (t) => {
    const { begin, one, say, log, clock, reload } = fakeService(serviceConfig(THREE))
    const alarms = () => log.said('server is DOWN').map(({ facts }) => [facts['server'], facts['address'], facts['up']])
    say(false, A)
    await begin(false)
    t.strictSame(alarms(), [
      ['a', '10.0.0.1:6443', 0],
      ['b', '10.0.0.2:6443', 0],
      ['c', '10.0.0.3:6443', 0]
    ])
    await clock.advance(10_000)
    t.equal(alarms().length, 3, 'once')
    say({ isOk: false, code: 'L4TOUT', detail: '', tookMs: 1 }, '10.0.0.9')
    reload(serviceConfig(THREE.replace('10.0.0.3', '10.0.0.9')))
    t.strictSame(alarms().slice(3), [['c', '10.0.0.9:6443', 0]])
    one.order('a', { kind: 'state', state: 'maint' })
    one.order('a', { kind: 'state', state: 'ready' })
    t.strictSame(alarms().slice(4), [['a', '10.0.0.1:6443', 0]])
    await clock.advance(2000)
    one.look(countersOf([]))
    t.match(log.said('server has no session left')[0]?.facts, { server: 'c', address: '10.0.0.3:6443' })
  }
)

t.test('passive health', async (t) => {
  const failed = (server: number) => ({ type: 'connect-failed', service: 2, server, error: 'ECONNREFUSED' }) as const

  t.test('one that failed for want of something here says nothing of the server', async (t) => {
    const config = serviceConfig(THREE.replaceAll('6443 }', '6443, check: { inter: 1h, fastinter: 100ms } }'))
    const { begin, one, clock, say, walk } = fakeService(config)
    await begin()
    say(false, A)
    await clock.advance(5000)
    for (const error of [
      'EADDRNOTAVAIL',
      'EADDRINUSE',
      'EMFILE',
      'EAFNOSUPPORT',
      'EPERM',
      'EACCES',
      'EINVAL',
      'ENODEV'
    ])
      one.onEvent({ ...failed(0), error })
    await clock.advance(1000)
    t.equal(walk(), 'abc', 'it was not checked')
    one.onEvent(failed(0))
    await clock.advance(0)
    t.equal(walk(), 'bc')
  })

  t.test('a live connection that fails brings the next check forward', async (t) => {
    const config = serviceConfig(THREE.replaceAll('6443 }', '6443, check: { inter: 1h, fastinter: 100ms } }'))
    const { begin, one, clock, say, walk } = fakeService(config)
    await begin()
    say(false, A)
    await clock.advance(5000)
    t.equal(walk(), 'abc')
    one.onEvent(failed(0))
    await clock.advance(0)
    t.equal(walk(), 'bc', 'it was checked at once')
    await clock.advance(200)
    t.equal(one.snapshot(undefined).servers[0]?.status, 'DOWN')
  })

  t.test('events that were dropped are made good by the counters', async (t) => {
    const config = serviceConfig(THREE.replaceAll('6443 }', '6443, check: { inter: 1h, fastinter: 100ms } }'))
    const { begin, one, clock, say, walk } = fakeService(config)
    await begin()
    say(false, B)
    one.look(countersOf([{}, { failuresInRow: 1 }, {}]))
    await clock.advance(0)
    t.equal(walk(), 'ac')
  })

  t.test('error_limit failed connections in a row come to what on_error says', async (t) => {
    const config = serviceConfig(THREE.replaceAll('6443 }', '6443, error_limit: 5, on_error: mark-down }'))
    const { begin, one, clock, walk, closes, log } = fakeService(config)
    await begin()
    one.look(countersOf([{ failuresInRow: 4 }, {}, {}]))
    await clock.advance(0)
    t.equal(walk(), 'abc')
    one.look(countersOf([{ failuresInRow: 5 }, {}, {}]))
    await clock.advance(0)
    t.equal(walk(), 'bc')
    t.strictSame(closes(), ['down', '', ''])
    t.equal(log.said('server is DOWN').length, 1)
    t.equal(one.snapshot(countersOf([{ failuresInRow: 5 }])).servers[0]?.failures_in_row, 5)
  })

  t.test('observe: none looks away', async (t) => {
    const config = serviceConfig(
      THREE.replaceAll('6443 }', '6443, observe: none, error_limit: 1, on_error: mark-down }')
    )
    const { begin, one, clock, walk, probes } = fakeService(config)
    await begin()
    one.onEvent(failed(0))
    one.look(countersOf([{ failuresInRow: 50 }, {}, {}]))
    await clock.advance(0)
    t.equal(walk(), 'abc')
    t.equal(probes.length, 0)
  })

  t.test('a failed connection is told once a minute for each server', async (t) => {
    const { begin, one, log, clock } = fakeService(serviceConfig(THREE))
    await begin()
    log.lines.splice(0)
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
})

t.test('agents', async (t) => {
  const servers = THREE.replaceAll('6443 }', '6443, weight: 10, agent_check: { port: 9000, inter: 1s } }')
  const line = (detail: string, advice: object, isOk = true) => ({ isOk, code: 'L7OK', detail, tookMs: 1, advice })

  t.test('an agent is asked beside the checks, and what it advises is followed', async (t) => {
    const { begin, one, answer, clock, walk, plane } = fakeService(serviceConfig(servers))
    await begin()
    answer(A, line('50%', { weightPercent: 50 }), 'agent')
    await clock.advance(0)
    t.equal(plane.table?.servers[0]?.weight, 80)
    t.match(one.snapshot(undefined).servers[0], {
      weight: 10,
      effective_weight: 5,
      agent: { result: 'L7OK', detail: '50%', state: 'ready', weight_percent: 50, maxconn: null }
    })
    t.match(one.snapshot(undefined).servers[1]?.agent, { result: 'INI', at: null })
    await clock.advance(1000)
    answer(A, line('maint', { state: 'maint' }), 'agent')
    await clock.advance(0)
    t.notMatch(walk(), /a/)
    t.equal(one.snapshot(undefined).servers[0]?.status, 'MAINT')
    await clock.advance(1000)
    answer(A, line('ready', { state: 'ready' }), 'agent')
    await clock.advance(0)
    t.match(walk(), /a/, 'it alone ends what it asked for')
  })

  t.test('one that does not answer is asked again, and takes nothing down', async (t) => {
    const { begin, one, clock, walk, probes } = fakeService(serviceConfig(servers))
    await begin()
    await clock.advance(10_000)
    t.equal(walk(), 'abc')
    t.ok(probes.filter(({ kind, host }) => kind === 'agent' && host === A).length > 1)
    t.equal(one.snapshot(undefined).servers[0]?.agent?.result, 'L4TOUT')
  })
})

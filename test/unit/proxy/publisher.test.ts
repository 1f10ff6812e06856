import t from 'tap'
import { errno } from '../../fakes/fake-plane.js'
import { fakeService, HOSTS, serviceConfig, THREE } from '../../fakes/fake-service.js'

const bindOf = (port: number, host = '10.32.255.99') => [
  { kind: 'tcp', host, family: 4, port, acceptProxy: false, maxconn: null, v4v6: false, interface: null } as const
]
const at = (port: number, host?: string) => ({ ...serviceConfig(THREE), bind: bindOf(port, host) })
const VIP = new Set(['10.32.255.99'])

t.test('a service that cannot bind is a fault, tried again each second, and clears', async (t) => {
  const unchecked = '{ name: a, address: 10.0.0.1:6443, check: false }'
  const { one, plane, clock, changes, log } = fakeService(serviceConfig(unchecked))
  plane.refusal = errno('EADDRINUSE')
  one.start()
  const reason = 'cannot listen on 10.32.255.99:8443: another program listens there (ss -ltnp shows which)'
  t.equal(one.fault, reason)
  t.equal(one.faultOn(VIP), reason)
  await clock.advance(3500)
  t.equal(plane.attempts, 4)
  t.equal(changes.length, 1, 'told once')
  t.equal(log.said('cannot listen').length, 1)
  t.match(one.snapshot(undefined), { listening: false, fault: reason })
  plane.refusal = undefined
  await clock.advance(500)
  t.equal(one.fault, undefined)
  t.equal(changes.length, 2)
  t.match(log.said('listening').at(-1)?.facts, { bind: ['10.32.255.99:8443'] })
  await clock.advance(5000)
  t.equal(plane.attempts, 5, 'and then no more')
})

t.test('it tells why it cannot bind', async (t) => {
  for (const [error, words] of [
    [errno('EACCES'), /ports below 1024 need CAP_NET_BIND_SERVICE$/],
    [errno('EBADF'), /no such socket was handed over$/],
    [errno('EMFILE', 'EMFILE: too many open files'), /: EMFILE: too many open files$/],
    [new Error('odd'), /: odd$/]
  ] as const) {
    const { one, plane } = fakeService(serviceConfig(THREE))
    plane.refusal = error
    one.start()
    t.match(one.fault, words)
  }
})

t.test('a new listener that cannot be bound leaves the old one, and all else is in force', async (t) => {
  const { begin, one, plane, reload, clock, walk, say, log } = fakeService(serviceConfig(THREE))
  await begin()
  plane.taken.add(9443)
  reload({ ...at(9443), retries: 9 })
  const portsOf = () => plane.table?.listeners.map((entry) => (entry.kind === 'tcp' ? entry.port : 0))
  t.strictSame(portsOf(), [8443])
  t.equal(plane.table?.retries, 9)
  t.match(one.fault, /cannot listen on 10\.32\.255\.99:9443/)
  t.equal(one.faultOn(VIP), undefined, 'clients are served as before: no reason to leave the VIP')
  t.match(one.snapshot(undefined), { listening: true, fault: /9443/ })
  say(false, HOSTS[0])
  await clock.advance(3000)
  t.equal(walk(), 'bc')
  t.strictSame(portsOf(), [8443], 'servers come and go meanwhile')
  plane.taken.clear()
  await clock.advance(1000)
  t.strictSame(portsOf(), [9443])
  t.equal(one.fault, undefined)
  t.equal(log.said('listening').length, 2)
})

t.test('a listener on another address is no service of the first one’s', async (t) => {
  const { begin, one, reload, plane } = fakeService(serviceConfig(THREE))
  await begin()
  const other = new Set(['10.32.255.98'])
  t.notOk(one.concerns(other))
  plane.taken.add(9443)
  reload(at(9443, '10.32.255.98'))
  t.ok(one.concerns(other) && one.concerns(VIP))
  t.match(one.faultOn(other), /cannot listen/)
  t.equal(one.faultOn(VIP), undefined)
})

t.test('sockets that the service manager handed over are found by name or number', async (t) => {
  const fds = (bind: string) => ({ ...serviceConfig(THREE), bind: serviceConfig(THREE).bind.map(() => fd(bind)) })
  const fd = (name: string) => {
    const number = /^\d+$/.test(name) ? Number(name) : name
    return { kind: 'fd' as const, fd: number, acceptProxy: true, maxconn: 5 }
  }
  const inherited = new Map([['api', [3, 4]]])
  const named = fakeService(fds('api'), inherited)
  named.one.start()
  t.strictSame(named.plane.table?.listeners, [
    { kind: 'fd', fd: 3, acceptProxy: true, maxconn: 5 },
    { kind: 'fd', fd: 4, acceptProxy: true, maxconn: 5 }
  ])
  const numbered = fakeService(fds('7'), inherited)
  numbered.one.start()
  t.match(numbered.plane.table?.listeners, [{ kind: 'fd', fd: 7 }])
  const missing = fakeService(fds('web'), inherited)
  missing.one.start()
  t.equal(
    missing.one.fault,
    'cannot listen on fd@web: systemd handed over no socket of that name, it handed over api (FileDescriptorName= in the .socket unit)'
  )
  t.equal(missing.plane.attempts, 0)
  const none = fakeService(fds('web'))
  none.one.start()
  t.match(none.one.fault, /it handed over none/)
})

t.test('unix sockets and options of a listener reach the data plane', async (t) => {
  const common = { acceptProxy: false, maxconn: null }
  const config = {
    ...serviceConfig(THREE),
    bind: [
      { ...common, kind: 'unix' as const, path: '/run/x', mode: 0o660 },
      { ...common, kind: 'unix' as const, path: '/run/y', mode: null },
      { ...common, kind: 'tcp' as const, host: '::', family: 6 as const, port: 1, v4v6: true, interface: 'eth0' }
    ]
  }
  const { one, plane } = fakeService(config)
  one.start()
  t.strictSame(plane.table?.listeners, [
    { acceptProxy: false, maxconn: 0, kind: 'unix', path: '/run/x', mode: 0o660 },
    { acceptProxy: false, maxconn: 0, kind: 'unix', path: '/run/y', mode: -1 },
    { acceptProxy: false, maxconn: 0, kind: 'tcp', address: '::', port: 1, v4v6: true, interface: 'eth0' }
  ])
})

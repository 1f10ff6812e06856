import t from 'tap'
import { answered, freePort, portOf, serveName, until } from './bench.js'
import { daemon, service } from './daemon.js'

// The whole daemon, proxy alone: `vipd reload` changes it in place, and it takes sockets from the service manager.

t.test('servers, services and timeouts change in place; a session goes on; what cannot is told', async (t) => {
  const [a, b] = [await serveName(t, 'a'), await serveName(t, 'b')]
  const [port, other] = [await freePort(), await freePort()]
  const { vipd, write, status } = await daemon(t, service('api', `127.0.0.1:${port}`, [['a', a]]))
  const session = await answered(t, port)
  t.strictSame(vipd('reload'), { code: 0, out: 'the file says what is running: nothing to do\n', err: '' })
  write(
    `${service('api', `127.0.0.1:${port}`, [['b', b]], 'retries: 1, ')}${service('web', `127.0.0.1:${other}`, [['a', a]])}`
  )
  // Twice the sessions over all services that were planned at the start.
  const { code, out } = vipd('reload')
  t.equal(code, 1)
  t.match(out, /applied:\n(.*\n)*.*proxy api\.retries: 3 → 1/)
  t.match(out, /proxy api\.servers a is removed/)
  t.match(out, /proxy web is new/)
  t.match(out, /after a restart:\n {2}sessions at once over all services: 20000 → 40000/)
  await until('all are UP', () => status().proxy.every(({ servers }) => servers.every((one) => one.status === 'UP')))
  t.equal((await answered(t, port)).text(), 'b')
  t.equal((await answered(t, other)).text(), 'a')
  session.socket.write('still')
  await until('it echoes', () => session.text() === 'astill')
  t.equal(status().proxy[0]?.sessions.total, 2, 'counters go on')
  write(service('api', '127.0.0.1:0', [['b', b]]))
  t.equal(vipd('reload').code, 2)
  t.equal((await answered(t, port)).text(), 'b', 'a bad file changes nothing')
})

t.test('a listener that somebody else has is told by the reload', async (t) => {
  const a = await serveName(t, 'a')
  const port = await freePort()
  const { vipd, write } = await daemon(t, service('api', `127.0.0.1:${port}`, [['a', a]]))
  const somebody = await serveName(t, 'somebody')
  write(service('api', `127.0.0.1:${portOf(somebody)}`, [['a', a]]))
  const { code, err } = vipd('reload')
  t.equal(code, 0)
  t.match(
    err,
    /proxy api: cannot listen on 127\.0\.0\.1:\d+: another program listens there .*; tried again every second/
  )
  t.equal((await answered(t, port)).text(), 'a')
})

t.test('sockets that the service manager hands over are taken by name', async (t) => {
  const a = await serveName(t, 'a')
  const port = await freePort()
  const { write, vipd } = await daemon(t, service('api', 'fd@api', [['a', a]]), port)
  t.equal((await answered(t, port)).text(), 'a')
  write(service('api', 'fd@web', [['a', a]]))
  t.match(vipd('reload').err, /systemd handed over no socket of that name, it handed over api/)
  t.equal((await answered(t, port)).text(), 'a', 'the old one stays')
})

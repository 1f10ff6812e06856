import { once } from 'node:events'
import net from 'node:net'
import t from 'tap'
import { addon, type NativeProber, type ProbeResult } from '../../src/os/addon.js'
import { blackHole, freePort, portOf, until } from './bench.js'

function probe(prober: NativeProber, port: number, timeoutMs = 2_000, host = '127.0.0.1'): Promise<ProbeResult> {
  // The prober does not keep the process alive, a timer does.
  const alive = setTimeout(() => {}, 30_000)
  return new Promise<ProbeResult>((resolve) => prober.tcp(host, port, timeoutMs, resolve)).finally(() => {
    clearTimeout(alive)
  })
}

t.test('probing over TCP', async (t) => {
  const prober = new (addon().Prober)()
  t.teardown(() => prober.close())
  let accepted = 0
  const server = net.createServer(() => accepted++)
  server.listen(0, '::')
  await once(server, 'listening')
  t.teardown(() => server.close())

  t.test('a port with a listener is fine, over both families, and the listener never accepts', async (t) => {
    for (const host of ['127.0.0.1', '::1']) {
      const result = await probe(prober, portOf(server), 2_000, host)
      t.match(result, { code: 'L4OK', detail: '' })
      t.ok(result.tookMs >= 0 && result.tookMs < 2_000)
    }
    const client = net.connect(portOf(server), '127.0.0.1')
    await until('a real client is accepted', () => accepted > 0)
    client.destroy()
    t.equal(accepted, 1)
  })

  t.test('a port without a listener is refused', async (t) => {
    t.match(await probe(prober, await freePort()), { code: 'L4CON', detail: 'ECONNREFUSED' })
  })

  t.test('a connect that fails on the spot says why', async (t) => {
    t.match(await probe(prober, 1, 2_000, '255.255.255.255'), { code: 'L4CON', detail: /^E[A-Z]+$/ })
  })

  t.test('a port that does not answer times out at the deadline', async (t) => {
    const result = await probe(prober, await blackHole(t), 150)
    t.match(result, { code: 'L4TOUT', detail: '' })
    t.ok(result.tookMs >= 150)
  })

  t.test('five hundred probes at once each get their own answer', async (t) => {
    const refusing = await freePort()
    const before = accepted
    const results = await Promise.all(
      Array.from({ length: 500 }, (_, i) => probe(prober, i % 2 === 0 ? portOf(server) : refusing, 10_000))
    )
    t.same(
      results.map((result) => result.code),
      results.map((_, i) => (i % 2 === 0 ? 'L4OK' : 'L4CON'))
    )
    t.equal(accepted, before)
  })

  t.test('what is not an address is refused', async (t) => {
    t.throws(() => prober.tcp('host.example', 1, 1, () => {}), { code: 'EINVAL' })
  })
})

t.test('after close no answer comes', async (t) => {
  const prober = new (addon().Prober)()
  const server = net.createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  let answers = 0
  for (let i = 0; i < 50; i++) prober.tcp('127.0.0.1', portOf(server), 1_000, () => answers++)
  prober.close()
  prober.close()
  await new Promise((resolve) => setImmediate(resolve))
  await new Promise((resolve) => setImmediate(resolve))
  t.equal(answers, 0)
  t.throws(() => prober.tcp('127.0.0.1', 1, 1, () => {}), { code: 'ESHUTDOWN' })
})

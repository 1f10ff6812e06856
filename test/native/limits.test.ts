import { once } from 'node:events'
import t from 'tap'
import { answered, bench, connect, freePort, listener, type Mode, portOf, serveName, table, until } from './bench.js'

const MODES: readonly Mode[] = ['copy', 'splice']

for (const mode of MODES) {
  t.test(`${mode}: limits`, async (t) => {
    t.test('no more sessions in a second than rateLimit, and all are served in the end', async (t) => {
      const b = bench(t, { mode, threads: 2 })
      const port = await freePort()
      await b.put(table(port, [portOf(await serveName(t, 'x'))], { rateLimit: 20 }))
      const began = performance.now()
      const times: number[] = []
      const one = async (): Promise<void> => {
        await answered(t, port)
        times.push(performance.now() - began)
      }
      await Promise.all(Array.from({ length: 50 }, one))
      // 20 at once, and then one every 50 ms as the second of the first ones fades out: all in haproxy's way of counting.
      const within = (ms: number): number => times.filter((time) => time < ms).length
      t.ok(within(900) <= 20, `${within(900)} in the first 900 ms`)
      t.ok(within(1900) <= 41, `${within(1900)} in the first 1900 ms`)
      t.ok((times.at(-1) ?? 0) >= 2400, `the last one after ${times.at(-1)} ms`)
      t.match(b.counters(), { total: 50, refused: 0 })
      t.ok(b.counters().acceptPauses > 0)
    })

    t.test('one that is allowed one session in a second does not wait longer than that', async (t) => {
      const b = bench(t, { mode, threads: 1 })
      const port = await freePort()
      await b.put(table(port, [portOf(await serveName(t, 'x'))], { rateLimit: 1 }))
      await answered(t, port)
      const second = await answered(t, port)
      second.socket.destroy()
      t.equal(b.counters().total, 2)
    })

    t.test('a listener at its own maxconn waits; the other one does not', async (t) => {
      const b = bench(t, { mode, threads: 2 })
      const [one, two] = [await freePort(), await freePort()]
      const servers = [portOf(await serveName(t, 'x'))]
      const listeners = (maxconn: number) => [{ ...listener('127.0.0.1', one), maxconn }, listener('127.0.0.1', two)]
      await b.put({ ...table(one, servers), listeners: listeners(2) })
      for (let round = 0; round < 5; round++) {
        const first = [await answered(t, one), await answered(t, one)]
        const third = connect(t, one)
        await once(third.socket, 'connect')
        await until('paused', () => b.counters().acceptPauses > round)
        const elsewhere = await answered(t, two)
        t.equal(third.text(), '')
        t.equal(b.counters().current, 3)
        first[0]?.socket.destroy()
        await until('served', () => third.text() === 'x')
        for (const client of [first[1], third, elsewhere]) client?.socket.destroy()
        await until('over', () => b.counters().current === 0)
      }
      const more = [await answered(t, one), await answered(t, one), connect(t, one)]
      await b.put({ ...table(one, servers), listeners: listeners(0) })
      await until('a listener without a limit takes it', () => more[2]?.text() === 'x')
    })

    t.test('an address has so many sessions and no more', async (t) => {
      const b = bench(t, { mode, threads: 2 })
      const port = await freePort()
      await b.put(table(port, [portOf(await serveName(t, 'x'))], { sourceMaxconn: 2, sessionLog: 'errors' }))
      const first = await answered(t, port, '127.0.0.5')
      await answered(t, port, '127.0.0.5')
      t.equal(await connect(t, port, '127.0.0.1', '127.0.0.5').over, 'ECONNRESET')
      t.equal((await answered(t, port, '127.0.0.6')).text(), 'x', 'others are not concerned')
      t.match(b.counters(), { sourceLimited: 1, denied: 0, refused: 0, total: 4, current: 3 })
      t.match(await b.record(), { termination: 'PR', server: -1, client: /^127\.0\.0\.5:/ })
      first.socket.destroy()
      await until('one over', () => b.counters().current === 2)
      t.equal((await answered(t, port, '127.0.0.5')).text(), 'x')
    })

    t.test('a hundred addresses at once are counted right over all threads', async (t) => {
      const b = bench(t, { mode, threads: 4 })
      const port = await freePort()
      const server = portOf(await serveName(t, 'x'))
      await b.put(table(port, [server], { sourceMaxconn: 2 }))
      for (let round = 0; round < 2; round++) {
        const clients = Array.from({ length: 300 }, (_, i) => connect(t, port, '127.0.0.1', `127.0.1.${i % 100}`))
        await until('all decided', () => b.counters().total === 300 * (round + 1) && b.counters().current <= 200)
        await until('all answered', () => clients.filter((client) => client.text() === 'x').length === 200)
        t.equal(b.counters().sourceLimited, 100 * (round + 1))
        for (const client of clients) client.socket.destroy()
        await until('all over', () => b.counters().current === 0)
      }
    })

    t.test('who is denied, or not allowed, is reset', async (t) => {
      const b = bench(t, { mode })
      const port = await freePort()
      const servers = [portOf(await serveName(t, 'x'))]
      const deny = ['127.0.0.8/30', '2001:db8::/32']
      await b.put(table(port, servers, { deny, sessionLog: 'errors' }))
      t.equal((await answered(t, port, '127.0.0.7')).text(), 'x')
      t.equal((await answered(t, port, '127.0.0.12')).text(), 'x')
      t.equal(await connect(t, port, '127.0.0.1', '127.0.0.11').over, 'ECONNRESET')
      t.match(await b.record(), { termination: 'PR', client: /^127\.0\.0\.11:/, server: -1 })
      await b.put(table(port, servers, { deny, allow: ['127.0.0.8/29'] }))
      t.equal(await connect(t, port, '127.0.0.1', '127.0.0.7').over, 'ECONNRESET')
      t.equal(await connect(t, port, '127.0.0.1', '127.0.0.9').over, 'ECONNRESET', 'deny is looked at first')
      t.equal((await answered(t, port, '127.0.0.13')).text(), 'x')
      t.match(b.counters(), { denied: 3, refused: 0, total: 6, current: 3 })
    })
  })
}

t.test('networks that are none are refused', async (t) => {
  const b = bench(t)
  const port = await freePort()
  for (const text of ['10.0.0.0/33', '10.0.0/8', 'host', '10.0.0.0/', '::/129', '']) {
    t.throws(() => b.plane.publish(table(port, [], { deny: [text] })), { code: 'EINVAL' }, text)
    t.throws(() => b.plane.publish(table(port, [], { allow: [text] })), { code: 'EINVAL' }, text)
  }
})

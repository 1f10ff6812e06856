import { execFileSync } from 'node:child_process'
import type { Socket } from 'node:net'
import t from 'tap'
import { answered, bench, connect, freePort, type Mode, portOf, serve, serveName, table, until } from './bench.js'

const MODES: readonly Mode[] = ['copy', 'splice']

/** How the socket towards a server is set up: as cheaply as may be, and nothing that matters is lost. */

/** What `ss` says of the connections to a port: their timers, and what they have counted. */
const shown = (port: number): string =>
  execFileSync('ss', ['-Htnoi', 'state', 'established', 'dport', '=', `:${port}`], { encoding: 'utf8' })

for (const mode of MODES) {
  t.test(`${mode}: the server's leg`, async (t) => {
    t.test('is watched by keepalive once its session is a second old', async (t) => {
      const b = bench(t, { mode })
      const port = await freePort()
      const server = portOf(await serveName(t, 'a'))
      b.plane.publish(
        table(port, [server], { keepalive: { idleS: 7200, intervalS: 2, count: 2 }, userTimeoutMs: 9_000 })
      )
      await answered(t, port)
      await until('a keepalive timer of the leg', () => /timer:\(keepalive,1\d\dmin/.test(shown(server)))
    })

    t.test('has no keepalive where none is wanted', async (t) => {
      const b = bench(t, { mode })
      const port = await freePort()
      const server = portOf(await serveName(t, 'a'))
      b.plane.publish(table(port, [server]))
      await answered(t, port)
      const since = performance.now()
      await until('a session of more than a second', () => performance.now() - since > 1300)
      t.notMatch(shown(server), /keepalive/)
    })

    t.test(
      'a client that asks and ends its half at once: the server has every byte, then the end, and its answer comes',
      async (t) => {
        const b = bench(t, { mode })
        const port = await freePort()
        const said: string[] = []
        const server = await serve(t, (socket: Socket) => {
          let text = ''
          socket.on('data', (bytes) => {
            text += bytes.toString('latin1')
          })
          socket.on('end', () => {
            said.push(text)
            socket.end(`${text.length}`)
          })
        })
        b.plane.publish(table(port, [portOf(server)]))
        for (const size of [1, 1460, 70_000, 300_000]) {
          const client = connect(t, port)
          client.socket.end('x'.repeat(size))
          t.equal(await client.over, 'end')
          t.equal(client.text(), `${size}`)
        }
        t.strictSame(
          said.map((text) => text.length),
          [1, 1460, 70_000, 300_000]
        )
      }
    )

    t.test('a server that speaks first, in several small pieces, is heard whole', async (t) => {
      const b = bench(t, { mode })
      const port = await freePort()
      const server = await serve(t, (socket: Socket) => {
        socket.setNoDelay(true)
        socket.write('a')
        // The next piece only when the one before was acknowledged: nothing is left unsent or unacknowledged.
        const next = (pieces: string): void => {
          if (pieces === '') return
          setTimeout(() => socket.write(pieces[0] ?? '', () => next(pieces.slice(1))), 1)
        }
        next('bcd')
      })
      b.plane.publish(table(port, [portOf(server)]))
      const client = connect(t, port)
      await until('all pieces', () => client.text() === 'abcd')
    })
  })
}

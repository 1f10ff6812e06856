import { mkdtempSync, rmSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { freePort, serveName, until } from './bench.js'
import { daemon, service } from './daemon.js'

// The whole daemon, proxy alone: what `vipd upgrade` takes along besides TCP listeners of its own. Sessions of those, and
// adverts: test/netns/upgrade.

/** A client that is answered with a server's name, and keeps its connection. Rejects where it is not. */
function visit(t: Test, to: net.NetConnectOpts): Promise<net.Socket> {
  const socket = net.connect(to)
  t.teardown(() => socket.destroy())
  return new Promise((resolve, reject) => {
    socket.once('data', () => resolve(socket))
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('closed without an answer')))
  })
}

/** Whether what is said comes back. */
async function talks(socket: net.Socket, word: string): Promise<boolean> {
  let heard = ''
  socket.on('data', (bytes) => {
    heard += bytes
  })
  socket.write(word)
  await until(`${word} to come back`, () => heard.includes(word))
  return true
}

/** Clients come, one after the other, until the end is called. */
function visitors(t: Test, to: net.NetConnectOpts) {
  let [answered, isOver] = [0, false]
  const failures: string[] = []
  const running = (async () => {
    while (!isOver) {
      await visit(t, to).then(
        (socket) => {
          answered++
          socket.destroy()
        },
        (error: Error) => failures.push(error.message)
      )
      await pause(2)
    }
  })()
  return async () => {
    isOver = true
    await running
    return { answered, failures }
  }
}

for (const [what, bind] of [
  ['a unix socket, and who waits in front of it', 'unix@'],
  ['what the service manager handed over under a name', 'fd@api'],
  ['what was handed over and is known by its number', 'fd@3']
] as const)
  t.test(`an upgrade takes along ${what}`, async (t) => {
    const a = await serveName(t, 'a')
    const port = await freePort()
    const folder = mkdtempSync(path.join(tmpdir(), 'vipd-upgrade-'))
    t.teardown(() => rmSync(folder, { recursive: true, force: true }))
    const place = bind === 'unix@' ? path.join(folder, 'api.sock') : undefined
    const to = place === undefined ? { port, host: '127.0.0.1' } : { path: place }
    const activated = place === undefined ? port : undefined
    const { upgrade, vipd } = await daemon(t, service('api', bind + (place ?? ''), [['a', a]]), activated)
    const session = await visit(t, to)
    for (const time of ['once', 'and again']) {
      const end = visitors(t, to)
      t.match(await upgrade(), /process \d+ has taken over, \d+ sessions? with it/, time)
      const { answered, failures } = await end()
      t.ok(answered > 20, `${answered} visits`)
      t.same(failures, [])
      t.ok(await talks(session, time))
    }
    t.notMatch(vipd('status').out, /cannot listen/)
    if (place === undefined) return
    const stranger = await visit(t, to)
    t.ok(await talks(stranger, 'the name is still there a while after the old process has gone'))
  })

t.test("after an upgrade sessions count for their listener's own maxconn", async (t) => {
  const a = await serveName(t, 'a')
  const [port, other] = [await freePort(), await freePort()]
  const binds = `{ address: "127.0.0.1:${port}", maxconn: 1 }, { address: "0.0.0.0:${other}", maxconn: 1 }`
  const yaml = service('api', 'BINDS', [['a', a]]).replace('"BINDS"', binds)
  const { upgrade, vipd } = await daemon(t, yaml)
  const places = [port, other].map((port) => ({ port, host: '127.0.0.1' }))
  const first = await Promise.all(places.map((place) => visit(t, place)))
  t.match(await upgrade(), /2 sessions with it/)
  const sessions = (): number => JSON.parse(vipd('status', '--json').out).proxy[0].sessions.current
  t.equal(sessions(), 2)
  let come = 0
  const second = places.map((place) => visit(t, place).then(() => come++))
  t.equal(sessions(), 2, 'they wait')
  t.equal(come, 0)
  for (const socket of first) socket.destroy()
  await Promise.all(second)
  t.equal(come, 2)
})

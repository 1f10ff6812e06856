import t from 'tap'
import type { CheckResult } from '../../../src/health/checker.js'
import { CredentialStore } from '../../../src/health/credentials.js'
import { httpProbe } from '../../../src/health/http.js'
import { MAX_WAIT_MS, Pacer } from '../../../src/health/pacer.js'
import { ManualClock } from '../../fakes/manual-clock.js'
import { answering, httpCheck, reply, scripted, until } from './http-fixtures.js'

t.test('a few begin at once, the others in their turn, first come, first served', async (t) => {
  const clock = new ManualClock()
  const pacer = new Pacer(clock)
  const began: string[] = []
  for (let i = 0; i < 10; i++) pacer.enter(() => began.push(`${i} at ${clock.now()}`), t.fail)
  t.strictSame(began, ['0 at 0', '1 at 0', '2 at 0', '3 at 0'])
  t.equal(pacer.waiting, 6)
  await clock.advance(100)
  t.strictSame(began.slice(4), ['4 at 4', '5 at 4', '6 at 4', '7 at 4', '8 at 8', '9 at 8'])
  t.equal(clock.pending, 0, 'nobody waits: no timer')
  pacer.enter(() => began.push(`10 at ${clock.now()}`), t.fail)
  t.equal(began.at(-1), '10 at 100')
})

t.test('who has left the queue does not begin', async (t) => {
  const clock = new ManualClock()
  const pacer = new Pacer(clock)
  const began: number[] = []
  const leave = Array.from({ length: 8 }, (_, i) => pacer.enter(() => began.push(i), t.fail))
  for (const i of [4, 5, 6]) leave[i]?.()
  await clock.advance(100)
  t.strictSame(began, [0, 1, 2, 3, 7])
})

t.test('who waits for too long is told so, and the queue empties', async (t) => {
  const clock = new ManualClock()
  const pacer = new Pacer(clock)
  let began = 0
  const late: number[] = []
  for (let i = 0; i < 2000; i++) {
    pacer.enter(
      () => began++,
      () => late.push(clock.now())
    )
  }
  await clock.advance(MAX_WAIT_MS + 100)
  t.equal(began, 4 * (1 + MAX_WAIT_MS / 4))
  t.equal(began + late.length, 2000)
  t.ok(late.every((at) => at <= MAX_WAIT_MS + 4))
  t.equal(pacer.waiting, 0)
})

/** A pacer whose turns come when the test says so. */
function byHand() {
  const waiting: { readonly start: () => void; readonly late: () => void }[] = []
  const enter = (start: () => void, late: () => void): (() => void) => {
    waiting.push({ start, late })
    return () => undefined
  }
  return { waiting, pacer: { enter } }
}

t.test('the time of a check that waits for its turn begins with it', async (t) => {
  const server = await scripted(t, () => undefined)
  const clock = new ManualClock()
  const { waiting, pacer } = byHand()
  const target = { host: '127.0.0.1', port: server.port, sendProxy: false, http: httpCheck }
  const results: CheckResult[] = []
  const probe = httpProbe(target, { clock, pacer, credentials: new CredentialStore(clock, []) })
  t.teardown(() => probe.close?.())
  probe(500, (result) => results.push(result))
  await clock.advance(700)
  t.strictSame(results, [])
  waiting[0]?.start()
  await until(() => server.heard !== '', 'the question')
  await clock.advance(500)
  t.match(results, [{ isOk: false, code: 'L7TOUT', tookMs: 500 }])
  probe(500, (result) => results.push(result))
  await clock.advance(1)
  waiting[1]?.late()
  t.match(results[1], { isOk: false, code: 'SOCKERR', detail: 'too many checks connect at once' })
})

t.test('a kept connection needs no turn; where it is lost the deadline stays, whatever turn comes', async (t) => {
  const server = await scripted(
    t,
    answering((_request, count) => (count === 1 ? reply('200 OK') : undefined))
  )
  const clock = new ManualClock()
  const { waiting, pacer } = byHand()
  const target = { host: '127.0.0.1', port: server.port, sendProxy: false, http: httpCheck }
  const results: CheckResult[] = []
  const probe = httpProbe(target, { clock, pacer, credentials: new CredentialStore(clock, []) })
  t.teardown(() => probe.close?.())
  probe(1000, (result) => results.push(result))
  await clock.advance(1)
  waiting[0]?.start()
  await until(() => results.length === 1, 'the answer')
  server.heard = ''
  probe(1000, (result) => results.push(result))
  await until(() => server.heard !== '', 'the question')
  t.equal(waiting.length, 1)
  await clock.advance(500)
  t.equal(waiting.length, 2, 'a second connection is wanted')
  server.sockets[0]?.resetAndDestroy()
  await until(() => server.sockets[0]?.destroyed === true, 'its end')
  for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve))
  t.equal(waiting.length, 2, 'once')
  await clock.advance(500)
  t.match(results[1], { isOk: false, code: 'SOCKERR', tookMs: 1000 })
})

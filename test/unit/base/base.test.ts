import { mkdtempSync, rmSync } from 'node:fs'
import { createConnection, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { systemClock } from '../../../src/base/clock.js'
import { errnoOf, messageOf, VipdError } from '../../../src/base/errors.js'
import { Throttle } from '../../../src/base/throttle.js'
import { ManualClock, ManualTime } from '../../fakes/manual-clock.js'

t.test('a throttle', async (t) => {
  t.test('lets one of each kind through per period, and tells what it held back', async (t) => {
    const clock = new ManualClock()
    const throttle = new Throttle(clock, 1000)
    t.strictSame(
      ['a', 'a', 'b', 'a'].map((kind) => throttle.pass(kind)),
      [0, undefined, 0, undefined]
    )
    await clock.advance(1000)
    t.strictSame(
      ['a', 'a', 'b'].map((kind) => throttle.pass(kind)),
      [2, undefined, 0]
    )
  })
  t.test('forgets kinds that are over, so that those of long ago do not hold back new ones', async (t) => {
    const clock = new ManualClock()
    const throttle = new Throttle(clock, 1000)
    for (let i = 0; i < 300; i++) throttle.pass(`kind ${i}`)
    throttle.pass('kind 0')
    await clock.advance(1000)
    t.equal(throttle.pass('x'), 0)
    t.equal(throttle.pass('y'), 0)
    t.equal(throttle.pass('kind 0'), 1, 'what was held back is told')
    for (let i = 0; i < 300; i++) for (const _ of [1, 2]) throttle.pass(`late ${i}`)
    await clock.advance(60_000)
    t.equal(throttle.pass('z'), 0)
    t.equal(throttle.pass('zz'), 0)
  })

  t.test('is bounded: after 256 kinds all others share one', async (t) => {
    const throttle = new Throttle(new ManualClock(), 1000)
    for (let i = 0; i < 256; i++) t.equal(throttle.pass(`kind ${i}`), 0)
    t.equal(throttle.pass('one more'), 0)
    t.equal(throttle.pass('and another'), undefined)
    t.equal(throttle.pass('kind 7'), undefined)
  })
})

t.test('errors are told by their code, whatever was thrown', async (t) => {
  t.equal(errnoOf(Object.assign(new Error('x'), { code: 'EADDRINUSE' })), 'EADDRINUSE')
  for (const other of [new Error('x'), null, undefined, 'EADDRINUSE', { code: 5 }]) t.equal(errnoOf(other), '')
  t.equal(messageOf(new Error('x')), 'x')
  t.equal(messageOf('y'), 'y')
  const cause = new Error('origin')
  t.match(new VipdError('TIMEOUT', 'm', { a: 1 }, cause), { code: 'TIMEOUT', message: 'm', details: { a: 1 }, cause })
  t.notOk('cause' in new VipdError('TIMEOUT', 'm'))
})

t.test('the real clock', async (t) => {
  t.test('never fires early, and runs in milliseconds', async (t) => {
    const from = systemClock.now()
    await new Promise<void>((resolve) => systemClock.after(1.5, resolve))
    t.ok(systemClock.now() - from >= 1.5)
  })
  t.test('fires what is far away later, not at once; what is cancelled never', async (t) => {
    let fired = 0
    const far = systemClock.after(2 ** 40, () => fired++)
    for (const timer of [
      systemClock.after(0, () => fired++),
      systemClock.afterInput(() => fired++),
      systemClock.every(1, () => fired++)
    ])
      timer.cancel()
    await new Promise<void>((resolve) => systemClock.after(2, resolve))
    far.cancel()
    t.equal(fired, 0)
  })
  t.test(
    'after a stall, timers run before sockets are read, and afterInput after it: what the election stands on',
    async (t) => {
      const folder = mkdtempSync(join(tmpdir(), 'vipd-'))
      t.teardown(() => rmSync(folder, { recursive: true, force: true }))
      const order: string[] = []
      await new Promise<void>((resolve) => {
        const server = createServer((one) => {
          one.on('data', () => order.push('input'))
          one.on('close', () => server.close(() => resolve()))
          systemClock.after(1, () => {
            order.push('timer')
            systemClock.afterInput(() => {
              order.push('after input')
              one.destroy()
            })
          })
          client.write('advert')
          // The process is away: the timer is due and the bytes lie unread.
          const until = systemClock.now() + 5
          while (systemClock.now() < until);
        })
        const path = join(folder, 'socket')
        server.listen(path)
        const client = createConnection(path)
      })
      t.strictSame(order, ['timer', 'input', 'after input'])
    }
  )
})

t.test('the clock of the tests is such a loop too', async (t) => {
  t.test(
    'timers in the order they fall due, then input, one packet of each socket, then what waits for input',
    async (t) => {
      const clock = new ManualClock()
      const order: string[] = []
      clock.after(20, () => order.push('late'))
      clock.after(10, () => {
        order.push('early')
        clock.afterInput(() => order.push('after input'))
      })
      clock.freeze()
      clock.input('a', () => order.push('a1'))
      clock.input('a', () => order.push('a2'))
      clock.input('b', () => order.push('b1'))
      await clock.advance(30)
      t.strictSame(order, [])
      clock.thaw()
      await clock.time.settle()
      t.strictSame(order, ['early', 'late', 'a1', 'b1', 'after input', 'a2'])
    }
  )
  t.test('each event at its own moment', async (t) => {
    const time = new ManualTime()
    const [one, other] = [time.clock(), time.clock()]
    const at: number[] = []
    one.after(5, () => at.push(time.now))
    other.after(3, () => one.after(1, () => at.push(time.now)))
    const every = one.every(4, () => at.push(-time.now))
    await time.advance(10)
    every.cancel()
    await time.advance(10)
    t.strictSame(at, [-4, 4, 5, -8])
    time.skip(100)
    t.equal(one.now(), 120)
  })
})

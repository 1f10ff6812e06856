import t from 'tap'
import { Checker, type CheckResult, type Phase, type Probe, type Schedule } from '../../../src/health/checker.js'
import { ManualClock } from '../../fakes/manual-clock.js'

const ok: CheckResult = { isOk: true, code: 'L4OK', detail: '', tookMs: 1 }

function checker(
  schedule: Partial<Schedule>,
  tookMs: number,
  random: () => number = () => 0.5,
  phase: () => Phase = () => 'up'
) {
  const clock = new ManualClock()
  const starts: number[] = []
  const results: number[] = []
  const timeouts: number[] = []
  let open = 0
  let mostOpen = 0
  const probe: Probe = (timeoutMs, done) => {
    starts.push(clock.now())
    timeouts.push(timeoutMs)
    mostOpen = Math.max(mostOpen, ++open)
    const answer = (): void => {
      open--
      done(ok)
    }
    if (tookMs === 0) answer()
    else clock.after(Math.min(tookMs, timeoutMs), answer)
  }
  const one = new Checker(
    { interMs: 1000, spreadPercent: 0, timeoutMs: 1000, ...schedule },
    { clock, random, probe, phase },
    () => results.push(clock.now())
  )
  return { clock, starts, results, timeouts, one, mostOpen: () => mostOpen }
}

t.test('the first check starts at once, and then one each interval, from start to start', async (t) => {
  const { clock, starts, one } = checker({}, 300)
  one.start()
  t.strictSame(starts, [0])
  await clock.advance(3500)
  t.strictSame(starts, [0, 1000, 2000, 3000])
})

t.test('a check that times out does not double the time to the next one', async (t) => {
  const { clock, starts, timeouts, one, mostOpen } = checker({}, Number.POSITIVE_INFINITY)
  one.start()
  await clock.advance(5500)
  t.strictSame(starts, [0, 1000, 2000, 3000, 4000, 5000])
  t.ok(timeouts.every((ms) => ms === 1000))
  t.equal(mostOpen(), 1, 'never two at a time')
})

t.test('a deadline longer than the interval never makes two at a time', async (t) => {
  const { clock, starts, one, mostOpen } = checker({ timeoutMs: 2500 }, Number.POSITIVE_INFINITY)
  one.start()
  await clock.advance(6000)
  t.strictSame(starts, [0, 2500, 5000])
  t.equal(mostOpen(), 1)
})

t.test('an answer that comes at once is fine', async (t) => {
  const { clock, starts, one } = checker({}, 0)
  one.start()
  await clock.advance(2000)
  t.strictSame(starts, [0, 1000, 2000])
})

t.test('500 intervals lie within the spread, on both sides of the middle', async (t) => {
  let seed = 1
  const random = (): number => {
    seed = (seed * 48_271) % 2_147_483_647
    return seed / 2_147_483_647
  }
  const { clock, starts, one } = checker({ spreadPercent: 3 }, 0, random)
  one.start()
  await clock.advance(520_000)
  const gaps = starts.slice(1, 501).map((at, i) => at - (starts[i] ?? 0))
  t.equal(gaps.length, 500)
  t.ok(gaps.every((gap) => gap >= 970 - 1e-6 && gap <= 1030 + 1e-6))
  t.ok(Math.min(...gaps) < 975 && Math.max(...gaps) > 1025)
  const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length
  t.ok(Math.abs(mean - 1000) < 5, String(mean))
})

t.test('stopped, no result comes after it and no timer is left; started again it goes on', async (t) => {
  const { clock, starts, results, one } = checker({}, 300)
  one.start()
  one.start()
  t.equal(starts.length, 1, 'started once')
  await clock.advance(100)
  one.stop()
  await clock.advance(10_000)
  t.strictSame(results, [])
  t.equal(starts.length, 1)
  t.equal(clock.pending, 0)
})

t.test(
  'a probe that never answers fails a second after its deadline, answers no more, and the checks go on',
  async (t) => {
    const clock = new ManualClock()
    const results: string[] = []
    const late: (() => void)[] = []
    const probe: Probe = (_timeoutMs, done) => late.push(() => done(ok))
    const schedule = { interMs: 1000, spreadPercent: 0, timeoutMs: 1000 }
    const one = new Checker(schedule, { clock, random: () => 0.5, probe }, ({ code }) => results.push(code))
    one.start()
    await clock.advance(2000)
    t.strictSame(results, ['L4TOUT'])
    late[0]?.()
    t.strictSame(results, ['L4TOUT'])
    await clock.advance(1)
    t.equal(late.length, 2)
    late[1]?.()
    t.strictSame(results, ['L4TOUT', 'L4OK'])
    one.stop()
    t.equal(clock.pending, 0)
  }
)

t.test('the verdict chooses the interval: inter when up, fastinter on the way, downinter when down', async (t) => {
  let phase: Phase = 'moving'
  const schedule = { interMs: 2000, fastinterMs: 500, downinterMs: 5000 }
  const { clock, starts, one } = checker(
    schedule,
    0,
    () => 0.5,
    () => phase
  )
  one.start()
  await clock.advance(1000)
  t.strictSame(starts, [0, 500, 1000], 'nothing is known yet, or it is moving')
  phase = 'up'
  await clock.advance(5000)
  t.strictSame(starts.slice(3), [1500, 3500, 5500])
  phase = 'down'
  await clock.advance(12_000)
  t.strictSame(starts.slice(6), [7500, 12_500, 17_500])
})

t.test('without fastinter and downinter all of them are inter', async (t) => {
  for (const phase of ['up', 'moving', 'down'] as const) {
    const { clock, starts, one } = checker(
      {},
      0,
      () => 0.5,
      () => phase
    )
    one.start()
    await clock.advance(2000)
    t.strictSame(starts, [0, 1000, 2000], phase)
    one.stop()
  }
})

t.test('the phase is read after the result was handed over: the very check that fails is followed soon', async (t) => {
  const clock = new ManualClock()
  const starts: number[] = []
  let phase: Phase = 'up'
  const probe: Probe = (_timeoutMs, done) => {
    starts.push(clock.now())
    done({ ...ok, isOk: clock.now() !== 1000 })
  }
  const schedule = { interMs: 1000, fastinterMs: 100, spreadPercent: 0, timeoutMs: 1000 }
  const one = new Checker(schedule, { clock, random: () => 0.5, probe, phase: () => phase }, ({ isOk }) => {
    phase = isOk ? 'up' : 'moving'
  })
  one.start()
  await clock.advance(1100)
  t.strictSame(starts, [0, 1000, 1100])
  one.stop()
})

t.test('a check that is brought forward starts now, and the schedule goes on from it', async (t) => {
  const { clock, starts, one } = checker({ interMs: 10_000, fastinterMs: 1000 }, 0)
  one.start()
  await clock.advance(3000)
  one.expedite()
  t.strictSame(starts, [0, 3000])
  await clock.advance(10_000)
  t.strictSame(starts, [0, 3000, 13_000])
})

t.test('a thousand doubts bring forward one check each fastinter, and none is lost', async (t) => {
  const { clock, starts, one } = checker({ interMs: 10_000, fastinterMs: 1000 }, 0)
  one.start()
  await clock.advance(3000)
  for (let i = 0; i < 1000; i++) one.expedite()
  await clock.advance(300)
  one.expedite()
  t.strictSame(starts, [0, 3000])
  await clock.advance(700)
  t.strictSame(starts, [0, 3000, 4000])
  await clock.advance(9999)
  t.strictSame(starts, [0, 3000, 4000], 'what is answered is no doubt any more')
})

t.test('a doubt while a check is on its way is followed by another check', async (t) => {
  const { clock, starts, one, mostOpen } = checker({ interMs: 10_000, fastinterMs: 1000 }, 300)
  one.start()
  await clock.advance(100)
  one.expedite()
  t.strictSame(starts, [0])
  await clock.advance(200)
  t.strictSame(starts, [0, 300], 'as soon as it has answered')
  t.equal(mostOpen(), 1)
  one.stop()
  one.expedite()
  await clock.advance(20_000)
  t.strictSame(starts, [0, 300], 'a stopped checker is not woken')
})

t.test('an expedited check never comes later than the one that was planned', async (t) => {
  const { clock, starts, one } = checker({ interMs: 1000, fastinterMs: 5000 }, 0)
  one.start()
  one.expedite()
  one.expedite()
  await clock.advance(3000)
  t.strictSame(starts, [0, 0, 1000, 2000, 3000])
})

t.test('stopped, it tells its probe to let go', async (t) => {
  let closed = 0
  const probe: Probe = Object.assign(() => undefined, { close: () => closed++ })
  const ports = { clock: new ManualClock(), random: () => 0.5, probe }
  const one = new Checker({ interMs: 1000, spreadPercent: 0, timeoutMs: 1000 }, ports, () => t.fail('a result'))
  one.start()
  one.stop()
  t.equal(closed, 1)
})

t.test('a checker that is stopped by the result it tells goes no further', async (t) => {
  const clock = new ManualClock()
  let asked = 0
  const probe: Probe = (_timeoutMs, done) => {
    asked++
    done(ok)
  }
  const schedule = { interMs: 1000, spreadPercent: 0, timeoutMs: 1000 }
  const one: Checker = new Checker(schedule, { clock, random: () => 0.5, probe }, () => one.stop())
  one.start()
  await clock.advance(5000)
  t.equal(asked, 1)
  t.equal(clock.pending, 0)
})

import t from 'tap'
import { Checker, type CheckResult, type Probe, type Schedule } from '../../../src/health/checker.js'
import { tcpProbe } from '../../../src/health/tcp.js'
import { downVerdict, judge, unknownVerdict, type Verdict } from '../../../src/health/verdict.js'
import type { ProbeResult } from '../../../src/os/addon.js'
import { ManualClock } from '../../fakes/manual-clock.js'

const thresholds = { rise: 2, fall: 3 }
const judged = (results: string, from: Verdict = unknownVerdict): string[] => {
  let verdict = from
  return [...results].map((result) => {
    verdict = judge(verdict, { isOk: result === '+' }, thresholds)
    return `${verdict.status} ${verdict.streak}`
  })
}

t.test('the first result of all decides at once', async (t) => {
  t.strictSame(judged('+'), ['UP 0'])
  t.strictSame(judged('-'), ['DOWN 0'])
})

t.test('fall failures in a row take it DOWN, rise successes bring it UP', async (t) => {
  t.strictSame(judged('+---'), ['UP 0', 'UP 1', 'UP 2', 'DOWN 0'])
  t.strictSame(judged('-++'), ['DOWN 0', 'DOWN 1', 'UP 0'])
})

t.test('one result in between starts the count anew', async (t) => {
  t.strictSame(judged('+--+--'), ['UP 0', 'UP 1', 'UP 2', 'UP 0', 'UP 1', 'UP 2'])
  t.strictSame(judged('-+-+'), ['DOWN 0', 'DOWN 1', 'DOWN 0', 'DOWN 1'])
})

t.test('thresholds of 1 flip at every contradiction', async (t) => {
  t.strictSame(judge({ ...downVerdict, status: 'UP' }, { isOk: false }, { rise: 1, fall: 1 }).status, 'DOWN')
  t.strictSame(judge(downVerdict, { isOk: true }, { rise: 1, fall: 1 }).status, 'UP')
})

const ok: CheckResult = { isOk: true, code: 'L4OK', detail: '', tookMs: 1 }

function checker(schedule: Partial<Schedule>, tookMs: number, random: () => number = () => 0.5) {
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
    { clock, random, probe },
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

t.test('a TCP probe tells what the prober found', async (t) => {
  const asked: [string, number, number][] = []
  const results: CheckResult[] = []
  const answers: ProbeResult[] = [
    { code: 'L4OK', detail: '', tookMs: 0.4 },
    { code: 'L4CON', detail: 'ECONNREFUSED', tookMs: 0.2 },
    { code: 'L4TOUT', detail: '', tookMs: 1000 },
    { code: 'L4CON', detail: 'EADDRNOTAVAIL', tookMs: 0 }
  ]
  const tcp = (address: string, port: number, timeoutMs: number, done: (result: ProbeResult) => void): void => {
    asked.push([address, port, timeoutMs])
    const answer = answers.shift()
    if (answer !== undefined) done(answer)
  }
  const probe = tcpProbe({ tcp }, '10.0.0.1', 6443)
  for (let i = 0; i < 4; i++) probe(1000, (result) => results.push(result))
  t.strictSame(asked[0], ['10.0.0.1', 6443, 1000])
  t.strictSame(
    results.map(({ isOk, code, detail }) => [isOk, code, detail]),
    [
      [true, 'L4OK', ''],
      [false, 'L4CON', 'ECONNREFUSED'],
      [false, 'L4TOUT', ''],
      [false, 'SOCKERR', 'EADDRNOTAVAIL']
    ]
  )
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

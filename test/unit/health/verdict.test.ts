import fc from 'fast-check'
import t from 'tap'
import { applyPassive, noFailures, observeLive, type PassiveAct } from '../../../src/health/passive.js'
import {
  downVerdict,
  type Finding,
  isDead,
  isDoubtful,
  judge,
  phaseOf,
  unknownVerdict,
  type Verdict
} from '../../../src/health/verdict.js'
import { runs } from '../../runs.js'

const thresholds = { rise: 2, fall: 3 }

/** Results as letters: + ready, ? 401, a 500, l leaving, - timed out, r refused, ~ an agent without a word, % its weight. */
const FINDINGS = {
  '+': { isOk: true },
  '?': { isOk: false, isAlive: true, isUnsure: true },
  a: { isOk: false, isAlive: true },
  l: { isOk: false, isAlive: true, isLeaving: true },
  '-': { isOk: false },
  r: { isOk: false, isRefused: true },
  '~': { isOk: false, isAlive: true, isUnsure: true, isSilent: true },
  '%': { isOk: true, isSilent: true }
} as const satisfies Record<string, Finding>
type Letter = keyof typeof FINDINGS
const isLetter = (letter: string): letter is Letter => letter in FINDINGS

const after = (results: string, from: Verdict = unknownVerdict): Verdict =>
  [...results].filter(isLetter).reduce((verdict, letter) => judge(verdict, FINDINGS[letter], thresholds), from)

/** The verdicts one after the other. */
const judged = (results: string): string[] =>
  [...results].map((_, index) => {
    const { status, streak } = after(results.slice(0, index + 1))
    return `${status} ${streak}`
  })

t.test('the first result of all decides at once', async (t) => {
  for (const [letter, status] of [
    ['+', 'UP'],
    ['?', 'UNSURE'],
    ['a', 'ALIVE'],
    ['l', 'ALIVE'],
    ['-', 'DOWN'],
    ['r', 'DOWN'],
    ['~', 'UNSURE'],
    ['%', 'UP']
  ] as const)
    t.strictSame(judged(letter), [`${status} 0`], letter)
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
  const one = { rise: 1, fall: 1 }
  t.equal(judge(after('+'), FINDINGS['-'], one).status, 'DOWN')
  t.equal(judge(downVerdict, FINDINGS['+'], one).status, 'UP')
  t.equal(judge(after('+'), FINDINGS.a, one).status, 'ALIVE')
  t.equal(judge(after('+'), FINDINGS['?'], one).status, 'UNSURE')
})

t.test('answers of 500 drain it and never kill it; fall results without an answer do', async (t) => {
  t.strictSame(judged('+aaa'), ['UP 0', 'UP 1', 'UP 2', 'ALIVE 0'])
  t.strictSame(judged('+-a-'), ['UP 0', 'UP 1', 'UP 2', 'ALIVE 1'], 'what answered in between is not dead')
  t.strictSame(judged('+aaa---').slice(4), ['ALIVE 1', 'ALIVE 2', 'DOWN 0'])
  t.strictSame(judged('+aaaaaa').slice(4), ['ALIVE 0', 'ALIVE 0', 'ALIVE 0'])
  t.strictSame(judged('+a---').at(-1), 'DOWN 0')
})

t.test('a drained server is ready again after rise successes', async (t) => {
  t.strictSame(judged('+aaa++').slice(4), ['ALIVE 1', 'UP 0'])
  t.strictSame(judged('-aa').at(-1), 'ALIVE 0')
  t.strictSame(judged('-a+').at(-1), 'ALIVE 1', 'alive since two, ready since one')
  t.strictSame(judged('-a++').at(-1), 'UP 0')
})

t.test('401: the server serves on, below those that are ready', async (t) => {
  t.strictSame(judged('+???'), ['UP 0', 'UP 1', 'UP 2', 'UNSURE 0'])
  t.strictSame(judged('+?a?').at(-1), 'UNSURE 0')
  t.strictSame(judged('???aaa').at(-1), 'ALIVE 0')
  t.strictSame(judged('?++').at(-1), 'UP 0')
})

t.test('a server that says it leaves is drained at once, and ready again after rise successes', async (t) => {
  t.strictSame(judged('+l'), ['UP 0', 'ALIVE 0'])
  t.strictSame(judged('+l+'), ['UP 0', 'ALIVE 0', 'ALIVE 1'])
  t.strictSame(judged('+l++').at(-1), 'UP 0')
  t.ok(after('+l').isLeaving)
  t.notOk(after('+l+').isLeaving)
  t.notOk(after('+la').isLeaving, 'another life that starts')
  t.equal(after('-l').status, 'DOWN', 'one answer is not rise of them')
  t.equal(after('-ll').status, 'ALIVE')
})

t.test('sessions end with a dead server, not with one that said it would go and refuses connections', async (t) => {
  const dead = (results: string): boolean => isDead(after(results))
  t.notOk(dead(''))
  t.notOk(dead('+--'))
  t.ok(dead('+---'))
  t.ok(dead('+rrr'), 'refused without a word before')
  t.ok(dead('-'))
  t.equal(after('+lrrr').status, 'DOWN', 'it gets nothing new')
  t.notOk(dead('+lrrr'))
  t.notOk(dead('+lrrrrrrrrr'), 'however long it takes')
  t.notOk(dead('+lrrr--'), 'a lost packet or two')
  t.ok(dead('+lrrr---'), 'its host is gone as well')
  t.ok(dead('+l---'))
  t.notOk(dead('+lrrr-r--r-'))
  t.notOk(dead('+aaarrr'), 'it had said that it is not ready: an apiserver that shuts down')
  t.notOk(dead('+arrr'), 'although it was not drained yet')
  t.notOk(dead('aarrrrrr'))
  t.ok(dead('+aaa---'), 'its host is gone')
  t.ok(dead('+a++rrr'), 'it was ready again')
  t.ok(dead('+?rrr'), '401 says nothing about leaving')
  t.ok(dead('+lrrr++rrr'), 'its next life has said nothing')
})

t.test('an agent that says neither up nor down moves no verdict that exists', async (t) => {
  for (const letter of ['~', '%'] as const) {
    for (const known of ['+', '-', 'a', '+--', '+lrr']) {
      t.strictSame(after(known + letter), after(known), known + letter)
    }
  }
  t.equal(after('~%%').status, 'UP', 'only a server of which nothing was known before')
})

t.test('its checks are fast while it is on its way, slow when it is down for good', async (t) => {
  for (const [results, phase] of [
    ['', 'moving'],
    ['+', 'up'],
    ['+-', 'moving'],
    ['+-+', 'up'],
    ['+---', 'down'],
    ['+---+', 'moving'],
    ['+---+-', 'down'],
    ['+aaa', 'up'],
    ['+aaa-', 'moving'],
    ['?', 'up'],
    ['+lrrr', 'down'],
    ['-r', 'down']
  ] as const)
    t.equal(phaseOf(after(results)), phase, results)
})

t.test('one that may serve and has just failed is doubtful', async (t) => {
  for (const [results, expected] of [
    ['', false],
    ['+', false],
    ['+-', true],
    ['+-+', false],
    ['?a', true],
    ['+aaa', false],
    ['+aaa-', false],
    ['-+', false]
  ] as const)
    t.equal(isDoubtful(after(results)), expected, results)
})

/** The same by the history alone: a rung turns when the last `rise` or `fall` results all contradict it. */
function byHistory(letters: readonly Letter[], rise: number, fall: number): string {
  const rungs = [1, 2, 3].map((rung) => {
    let isHeld: boolean | undefined
    let since = 0
    for (const [index, letter] of letters.entries()) {
      const says = { '+': 3, '?': 2, a: 1, l: 1, '-': 0, r: 0, '~': 2, '%': 3 }[letter] >= rung
      if (isHeld === undefined) isHeld = says
      else if (letter === 'l' && rung > 1) isHeld = false
      else {
        const last = letters.slice(Math.max(since, index + 1 - (says ? rise : fall)), index + 1)
        const agree = last.every(
          (one) => ({ '+': 3, '?': 2, a: 1, l: 1, '-': 0, r: 0, '~': 2, '%': 3 })[one] >= rung === says
        )
        if (says !== isHeld && agree && last.length === (says ? rise : fall)) {
          isHeld = says
          since = index + 1
        }
      }
      if (letter === 'l' && rung > 1) since = index + 1
      if (index === 0) since = 1
    }
    return isHeld === true
  })
  return ['DOWN', 'ALIVE', 'UNSURE', 'UP'][rungs.filter(Boolean).length] ?? ''
}

const letters = fc.array(fc.constantFrom<Letter>('+', '?', 'a', 'l', '-', 'r'), { minLength: 1, maxLength: 30 })
const counts = fc.record({ rise: fc.integer({ min: 1, max: 4 }), fall: fc.integer({ min: 1, max: 4 }) })
const run = (seen: readonly Letter[], limits: { rise: number; fall: number }): Verdict =>
  seen.reduce((verdict, letter) => judge(verdict, FINDINGS[letter], limits), unknownVerdict)

t.test('any results: the status is what the last rise or fall of them say', async (t) => {
  fc.assert(
    fc.property(letters, counts, (seen, limits) => {
      t.equal(run(seen, limits).status, byHistory(seen, limits.rise, limits.fall), seen.join(''))
    }),
    runs(2000)
  )
})

t.test('any results: counts are bounded, and the rungs never contradict each other', async () => {
  fc.assert(
    fc.property(letters, counts, (seen, limits) => {
      const { status, against, streak, lost } = run(seen, limits)
      const height = { UNKNOWN: 0, DOWN: 0, ALIVE: 1, UNSURE: 2, UP: 3 }[status]
      const most = Math.max(limits.rise, limits.fall)
      // Rising counts fall from rung to rung, falling ones grow: a higher rung never turns before a lower one.
      const rising = against.slice(height)
      const falling = against.slice(0, height)
      return (
        streak < most &&
        lost <= limits.fall &&
        rising.every((count, index) => count <= (rising[index - 1] ?? count)) &&
        falling.every((count, index) => count >= (falling[index - 1] ?? 0))
      )
    }),
    runs(2000)
  )
})

t.test('any results: a ready one never makes it worse, a dead one never better', async () => {
  const height = { UNKNOWN: -1, DOWN: 0, ALIVE: 1, UNSURE: 2, UP: 3 }
  fc.assert(
    fc.property(letters, counts, (seen, limits) => {
      const before = run(seen, limits)
      return (
        height[judge(before, FINDINGS['+'], limits).status] >= height[before.status] &&
        height[judge(before, FINDINGS['-'], limits).status] <= height[before.status] &&
        (!isDead(before) || height[before.status] === 0)
      )
    })
  )
})

const live = { errorLimit: 3, onError: 'fail-check' } as const

t.test('live connections that fail add up to error_limit; one that is made starts anew', async (t) => {
  let passive = noFailures
  const see = (isConnected: boolean, failed = 1): PassiveAct => {
    const seen = observeLive(passive, { isConnected, failed }, live)
    passive = seen.passive
    return seen.act
  }
  t.strictSame([see(false), see(false), see(false)], ['none', 'none', 'fail-check'])
  t.strictSame([see(false), see(false), see(true), see(false), see(false)], ['none', 'none', 'none', 'none', 'none'])
  t.equal(see(false), 'fail-check')
  t.equal(see(false, 1000), 'fail-check', 'many that are told of at once')
  t.equal(passive.failures, 0)
})

t.test('what they come to', async (t) => {
  const act = (results: string, what: PassiveAct): string => {
    const { status, streak } = applyPassive(after(results), what, thresholds)
    return `${status} ${streak}`
  }
  t.equal(act('+', 'none'), 'UP 0')
  t.equal(act('+', 'fastinter'), 'UP 0')
  t.equal(act('+', 'fail-check'), 'UP 1')
  t.equal(act('+--', 'fail-check'), 'DOWN 0')
  t.equal(act('+', 'sudden-death'), 'UP 2', 'the next failure takes it down')
  t.equal(act('+-', 'sudden-death'), 'UP 2')
  t.equal(act('+--', 'sudden-death'), 'UP 2')
  t.equal(act('+', 'mark-down'), 'DOWN 0')
  t.equal(act('aaa', 'mark-down'), 'DOWN 0')
  t.equal(act('---+', 'mark-down'), 'DOWN 1', 'it is down as it is')
  t.equal(act('---', 'fail-check'), 'DOWN 0')
  for (const what of ['fail-check', 'sudden-death', 'mark-down'] as const) t.equal(act('', what), 'UNKNOWN 0', what)
})

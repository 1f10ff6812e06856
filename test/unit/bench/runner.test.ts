import t from 'tap'
import type { Effort, Measured, Scenario } from '../../../bench/model.js'
import { type Progress, runScenarios } from '../../../bench/runner.js'

const effort: Effort = { isQuick: false, rounds: 2, seconds: 1 }
const good: Measured = { ok: true, figures: { rate: 1 } }

interface Fake {
  readonly measure?: (target: string, round: number) => Promise<Measured>
  readonly open?: () => never
  readonly absent?: Record<string, string>
  readonly onClose?: () => void
}

function scenario(name: string, fake: Fake = {}): Scenario {
  return {
    name,
    title: name,
    what: '',
    figures: [{ key: 'rate', title: 'rate', unit: '/s', better: 'higher' }],
    targets: ['a', 'b'],
    open: async () => {
      fake.open?.()
      return {
        measure: fake.measure ?? (async () => good),
        absent: fake.absent ?? {},
        close: async () => fake.onClose?.()
      }
    }
  }
}

async function run(scenarios: readonly Scenario[], interrupt = new AbortController()) {
  const seen: Progress[] = []
  const results = await runScenarios(scenarios, {
    effort,
    signal: interrupt.signal,
    onProgress: (one) => seen.push(one)
  })
  return { results, turns: seen.map(({ scenario: name, target, round }) => `${name} ${target}${round}`) }
}

t.test('targets take turns in each round', async (t) => {
  const { turns } = await run([scenario('x'), scenario('y')])
  t.strictSame(turns, ['x a1', 'x b1', 'x a2', 'x b2', 'y a1', 'y b1', 'y a2', 'y b2'])
})

t.test('a measurement that fails, or throws at once or later, is a problem of its cell and nothing else', async (t) => {
  const measure = (target: string, round: number): Promise<Measured> => {
    if (target === 'a') return Promise.resolve(good)
    if (round === 1) throw new Error('at once')
    return Promise.reject(new Error('later'))
  }
  const { results } = await run([scenario('x', { measure }), scenario('y')])
  t.match(results[0]?.cells, [
    { target: 'a', ok: true },
    { target: 'b', ok: false, problem: 'at once' },
    { target: 'a', ok: true },
    { target: 'b', ok: false, problem: 'later' }
  ])
  t.equal(results[1]?.cells.length, 4)
})

t.test('a scenario that cannot be set up says why, and the next one runs', async (t) => {
  const open = (): never => {
    throw new Error('no namespace')
  }
  const { results } = await run([scenario('x', { open }), scenario('y')])
  t.match(results, [{ name: 'x', problem: 'no namespace', cells: [] }, { name: 'y' }])
  t.equal(results[1]?.cells.length, 4)
})

t.test('a target that is not there has no turns and is named', async (t) => {
  const { results, turns } = await run([scenario('x', { absent: { b: 'not installed' } })])
  t.strictSame(turns, ['x a1', 'x a2'])
  t.match(results, [{ absent: { b: 'not installed' } }])
})

t.test('an interrupt keeps what was measured, names what was not, and closes what is open', async (t) => {
  const interrupt = new AbortController()
  let closed = 0
  const measure = async (target: string): Promise<Measured> => {
    if (target === 'a') return good
    interrupt.abort()
    return { ok: false, problem: 'the client was killed' }
  }
  const scenarios = [scenario('x', { measure, onClose: () => (closed += 1) }), scenario('y')]
  const { results } = await run(scenarios, interrupt)
  t.equal(results[0]?.cells.length, 1, 'what the interrupt itself cut short does not count')
  t.match(results, [{ problem: /interrupted/ }, { problem: /interrupted/, cells: [] }])
  t.equal(closed, 1)
})

t.test('a scenario that cannot be cleared away keeps its figures and says so, and the next one runs', async (t) => {
  const onClose = (): void => {
    throw new Error('namespace busy')
  }
  const { results } = await run([scenario('x', { onClose }), scenario('y')])
  t.match(results[0], { problem: 'it could not be cleared away: namespace busy' })
  t.strictSame(
    results.map((one) => one.cells.length),
    [4, 4]
  )
})

t.test('results are handed out after each scenario', async (t) => {
  const handed: string[][] = []
  const onScenario = async (results: readonly { readonly name: string }[]): Promise<void> => {
    handed.push(results.map((one) => one.name))
  }
  const { signal } = new AbortController()
  await runScenarios([scenario('x'), scenario('y')], { effort, signal, onProgress: () => undefined, onScenario })
  t.strictSame(handed, [['x'], ['x', 'y']])
})

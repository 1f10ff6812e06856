import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { sweepDeadRuns } from '../lab/namespaces.js'
import { whyNoLab } from '../lab/packages.js'
import { isFailed, type Outcome, playAll, type SideOutcome } from './outcome.js'
import { page } from './report.js'
import type { Scenario } from './scenario.js'
import { groups, scenarios } from './scenarios.js'
import type { Side } from './subject.js'

/** `npm run test:parity`: the same scenarios against Debian's haproxy and against vipd, and a page that says where they differ. */

const root = new URL('../../../', import.meta.url)
const usage = `npm run test:parity -- [--scenario NAME]... [--only haproxy|vipd] [--jobs N] [--docs] [--facts] [--json FILE] [--list]
  --scenario  one of those that --list names; all unless given
  --only      one side alone
  --jobs      scenarios at a time (5)
  --docs      write docs/parity.md; only where everything passed
  --facts     print what was seen, passed or not
  --json      where the results go (dist/test-output/parity.json)`

process.exitCode = await main()

async function main(): Promise<number> {
  const options = read()
  if (options === undefined) return 2
  if (options.isList) {
    for (const { name, title } of options.scenarios) console.log(`${name.padEnd(28)} ${title}`)
    return 0
  }
  const isCi = process.env['CI'] === 'true'
  const why = whyNoLab(['haproxy', 'nftables'])
  if (why !== undefined) {
    console.log(`parity tests are SKIPPED: ${why}`)
    return isCi ? 1 : 0
  }
  sweepDeadRuns()
  const outcomes = await playAll(options.scenarios, options.sides, options.jobs, (outcome) =>
    tell(outcome, options.isTalkative)
  )
  mkdirSync(dirname(options.file), { recursive: true })
  writeFileSync(options.file, `${JSON.stringify(outcomes, null, 1)}\n`)
  const failed = outcomes.filter(isFailed).length
  if (options.isDocs) {
    if (failed === 0 && options.isWhole) writeFileSync(new URL('docs/parity.md', root), page(groups))
    else console.log('docs/parity.md was not written: everything must have been played, and passed')
  }
  console.log(`${outcomes.length - failed} passed, ${failed} failed`)
  return failed === 0 ? 0 : 1
}

function tell(outcome: Outcome, isTalkative: boolean): void {
  const seconds = outcome.sides.map(({ tookS }) => `${tookS.toFixed(1)} s`).join(' + ')
  const again = outcome.sides.some(({ isSecondTry }) => isSecondTry) ? ', second try: the judge was late' : ''
  console.log(`${isFailed(outcome) ? 'FAILED' : 'ok    '} ${outcome.scenario} (${seconds}${again})`)
  for (const side of outcome.sides) if (isTalkative || side.failures.length > 0) explain(side)
}

function explain(side: SideOutcome): void {
  console.log(`         ${side.side}, late ${side.lateMs.toFixed()} ms`)
  for (const [key, value] of Object.entries(side.facts)) console.log(`           ${key}: ${value}`)
  for (const failure of side.failures)
    console.log(`           NOT SO  ${failure.replaceAll('\n', '\n                   ')}`)
  for (const note of side.notes) console.log(`           import: ${note}`)
  if (side.failures.length > 0) console.log(`           | ${side.words.replaceAll('\n', '\n           | ')}`)
}

interface Options {
  readonly scenarios: readonly Scenario[]
  readonly sides: readonly Side[]
  readonly jobs: number
  readonly file: string
  readonly isDocs: boolean
  readonly isWhole: boolean
  readonly isList: boolean
  readonly isTalkative: boolean
}

function read(): Options | undefined {
  try {
    const { values } = parseArgs({
      options: {
        scenario: { type: 'string', multiple: true },
        only: { type: 'string' },
        jobs: { type: 'string', default: '5' },
        json: { type: 'string', default: fileURLToPath(new URL('dist/test-output/parity.json', root)) },
        docs: { type: 'boolean', default: false },
        facts: { type: 'boolean', default: false },
        list: { type: 'boolean', default: false }
      }
    })
    const jobs = Number(values.jobs)
    if (!(jobs >= 1 && jobs <= 16)) throw new Error('--jobs must be 1 to 16')
    const sides: readonly Side[] = ['haproxy', 'vipd']
    const only = sides.filter((side) => values.only === undefined || side === values.only)
    if (only.length === 0) throw new Error('--only must be haproxy or vipd')
    return {
      scenarios: values.scenario === undefined ? scenarios : values.scenario.map(named),
      sides: only,
      jobs,
      file: values.json,
      isDocs: values.docs,
      isWhole: values.scenario === undefined && values.only === undefined,
      isList: values.list,
      isTalkative: values.facts
    }
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n${usage}`)
    return undefined
  }
}

function named(name: string): Scenario {
  const found = scenarios.find((one) => one.name === name)
  if (found === undefined) throw new Error(`no scenario ${name}`)
  return found
}

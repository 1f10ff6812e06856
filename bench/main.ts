import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { atExit } from '../test/lab/cleanup.js'
import { ensurePackages } from '../test/lab/packages.js'
import { runCluster } from './cluster/main.js'
import { machine, versions } from './machine.js'
import type { Effort, Raw, Scenario, ScenarioResult } from './model.js'
import { advertScenarios } from './outage/adverts.js'
import { checkScenarios } from './outage/checks.js'
import { instancesScenario } from './outage/instances.js'
import { outageScenarios } from './outage/outages.js'
import { compare, decodeRaw } from './report/compare.js'
import { judge } from './report/goals.js'
import { ratio, withUnit } from './report/numbers.js'
import { ready } from './report/table.js'
import { writeReport } from './report/write.js'
import { type Progress, roundsOf, runScenarios } from './runner.js'
import { proxyScenarios } from './scenarios/all.js'

/** `npm run bench`: vipd and its peers, side by side on the same work. */

const usage = `npm run bench -- [options]

Runs vipd, haproxy, nginx, a Node.js proxy and no proxy at all on the same work, in network namespaces of its own (needs root),
and writes report.md, report.json and plots/ into bench/.

  --quick                one tenth of it, in at most 3 minutes: for day-to-day work, not for quoting
  --only NAME            scenarios whose name begins so; may be given several times
  --list                 their names
  --rounds N             turns of each target (7, quick: 3)
  --seconds S            under load in each turn (1.5, quick: 0.5)
  --add                  keeps the scenarios of the report that is there, where this run does not repeat them
  --out FOLDER           where the report goes

npm run bench -- compare A.json B.json       what changed between two runs
npm run bench -- --target https://VIP:8443 --kubeconfig FILE    asks apiservers that are already there; --help with it tells more

Do not run anything else on the machine meanwhile.`

const all: readonly Scenario[] = [
  ...proxyScenarios,
  ...outageScenarios,
  ...advertScenarios,
  ...checkScenarios,
  instancesScenario
]
/** A quick run has these, unless --only says otherwise. */
const quick = ['requests-64-100', 'connections-server', 'bulk-down-2', 'latency', 'memory']

process.exitCode = await main(process.argv.slice(2))

async function main(argv: readonly string[]): Promise<number> {
  if (argv[0] === 'compare') return runCompare(argv.slice(1))
  if (argv.some((word) => word === '--target' || word.startsWith('--target='))) return runCluster(argv)
  const parsed = parse(argv)
  if (!parsed.ok) {
    console.error(`${parsed.problem}\n\n${usage}`)
    return 2
  }
  const { values } = parsed
  if (values.help) {
    console.log(usage)
    return 0
  }
  if (values.list) {
    for (const { name, title } of all) console.log(`${name.padEnd(26)} ${title}`)
    return 0
  }
  const effort: Effort = {
    isQuick: values.quick,
    rounds: numberOf(values.rounds, values.quick ? 3 : 7, 1, 100),
    seconds: numberOf(values.seconds, values.quick ? 0.5 : 1.5, 0.1, 600)
  }
  const only = values.only ?? (values.quick ? quick : [''])
  const scenarios = all.filter(({ name }) => only.some((word) => name.startsWith(word)))
  if (!Number.isFinite(effort.rounds) || !Number.isFinite(effort.seconds)) {
    console.error('--rounds is a number from 1 to 100, --seconds one from 0.1 to 600')
    return 2
  }
  if (scenarios.length === 0) {
    console.error(`no scenario begins with ${only.join(' or ')}; --list tells their names`)
    return 2
  }
  if (!ready(ensurePackages(['iproute2', 'openssl', 'g++', 'libssl-dev']))) return 1
  return run(scenarios, effort, values.out, values.add)
}

function parse(argv: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        help: { type: 'boolean', default: false },
        quick: { type: 'boolean', default: false },
        list: { type: 'boolean', default: false },
        add: { type: 'boolean', default: false },
        only: { type: 'string', multiple: true },
        rounds: { type: 'string' },
        seconds: { type: 'string' },
        out: { type: 'string', default: fileURLToPath(new URL('../../bench', import.meta.url)) }
      }
    })
    return { ok: true, values } as const
  } catch (error) {
    return { ok: false, problem: error instanceof Error ? error.message : String(error) } as const
  }
}

/** Scenarios of the report that is there. */
function kept(folder: string): ScenarioResult[] {
  const before = read(join(folder, 'report.json'))
  if (!before.ok) {
    console.error(`--add: ${before.problem}; the report has this run alone`)
    return []
  }
  const { startedAt, machine } = before.raw
  return before.raw.scenarios.map((one) => ({
    ...one,
    earlier: one.earlier ?? { startedAt, commit: machine.commit }
  }))
}

function isMissing({ name }: ScenarioResult, results: readonly ScenarioResult[]): boolean {
  return results.every((result) => result.name !== name)
}

async function run(scenarios: readonly Scenario[], effort: Effort, folder: string, isAdded: boolean): Promise<number> {
  const interrupt = new AbortController()
  const onSignal = (): void => {
    if (interrupt.signal.aborted) process.exit(130)
    console.error('\ninterrupted: the report has what there is; once more ends it at once')
    interrupt.abort()
  }
  // The lab's own listeners end the process at once: they are there from the first undoing on.
  atExit(() => undefined)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.removeAllListeners(signal).on(signal, onSignal)
  const [startedAt, from] = [new Date().toISOString(), performance.now()]
  const before = machine()
  let done = 0
  const turns = scenarios.reduce((sum, one) => sum + roundsOf(one, effort) * one.targets.length, 0)
  const onProgress = (progress: Progress): void => {
    done += 1
    const minutes = (((performance.now() - from) / done) * (turns - done)) / 60_000
    console.log(`${progressWords(progress, scenarios)}   (${done}/${turns}, about ${minutes.toFixed(0)} min left)`)
  }
  const rawOf = (results: readonly ScenarioResult[], isEnd: boolean): Raw => ({
    schema: 1,
    startedAt,
    tookS: (performance.now() - from) / 1000,
    isQuick: effort.isQuick,
    isInterrupted: !isEnd || interrupt.signal.aborted,
    command: `npm run bench -- ${process.argv.slice(2).join(' ')}`.trim().replace(/ --$/, ''),
    machine: before,
    versions: versions(),
    scenarios: isAdded ? inOrder([...results, ...earlier.filter((one) => isMissing(one, results))]) : [...results]
  })
  const earlier = isAdded ? kept(folder) : []
  const onScenario = (results: readonly ScenarioResult[]): Promise<void> => writeReport(rawOf(results, false), folder)
  const results = await runScenarios(scenarios, { effort, signal: interrupt.signal, onProgress, onScenario })
  const raw = rawOf(results, true)
  await writeReport(raw, folder)
  console.log(`\n${summary(raw)}\n${folder}/report.md, report.json, plots/`)
  return interrupt.signal.aborted ? 130 : 0
}

function inOrder(results: readonly ScenarioResult[]): ScenarioResult[] {
  const place = ({ name }: ScenarioResult): number => all.findIndex((one) => one.name === name)
  return [...results].sort((a, b) => place(a) - place(b))
}

function progressWords(
  { scenario, target, round, rounds, measured }: Progress,
  scenarios: readonly Scenario[]
): string {
  const place = `${scenario} ${round}/${rounds} ${target}`.padEnd(52)
  if (!measured.ok) return `${place} ${measured.problem.split('\n')[0]}`
  const figures = scenarios.find((one) => one.name === scenario)?.figures ?? []
  const told = figures.slice(0, 3).flatMap(({ key, unit }) => {
    const value = measured.figures[key]
    return value === undefined ? [] : [withUnit(value, unit)]
  })
  return `${place} ${told.join('  ')}`
}

function summary(raw: Raw): string {
  return judge(raw)
    .map(({ goal, scenario, verdict }) => {
      const place = `${goal.title} (${scenario.name})`.padEnd(72)
      if (verdict.is === 'not measured') return `? ${place} ${verdict.why.split('\n')[0]}`
      const figure =
        verdict.against === undefined ? withUnit(verdict.measured.median, goal.unit) : ratio(verdict.measured)
      return `${verdict.is === 'reached' ? '✓' : '✗'} ${place} ${figure}`
    })
    .join('\n')
}

function runCompare(files: readonly string[]): number {
  const [a = '', b = ''] = files
  if (files.length !== 2) {
    console.error('npm run bench -- compare A.json B.json')
    return 2
  }
  const [before, after] = [read(a), read(b)]
  for (const [file, one] of [
    [a, before],
    [b, after]
  ] as const) {
    if (!one.ok) console.error(`${file}: ${one.problem}`)
  }
  if (!before.ok || !after.ok) return 2
  console.log(compare(before.raw, after.raw))
  return 0
}

function read(file: string): ReturnType<typeof decodeRaw> {
  try {
    return decodeRaw(readFileSync(file, 'utf8'))
  } catch (error) {
    return { ok: false, problem: error instanceof Error ? error.message : String(error) }
  }
}

function numberOf(text: string | undefined, otherwise: number, least: number, most: number): number {
  const value = text === undefined ? otherwise : Number(text)
  return value >= least && value <= most ? value : Number.NaN
}

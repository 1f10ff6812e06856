import type { Figure, Raw, ScenarioResult } from '../model.js'
import { type Goal, type Judged, judge, unasked } from './goals.js'
import { ratio, spread, withUnit } from './numbers.js'
import { pairedRatio, spreadAt } from './stats.js'
import { table } from './table.js'

/** A client that takes more of the machine than this may be what is measured. */
const CLIENT_SHARE = 60

/** The report of a run. @param plots file by scenario, relative to the report */
export function markdown(raw: Raw, plots: ReadonlyMap<string, string>): string {
  const parts = [
    head(raw),
    goalsPart(raw),
    ...raw.scenarios.map((scenario) => scenarioPart(scenario, plots.get(scenario.name))),
    configurations(raw),
    howPart()
  ]
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`
}

function head(raw: Raw): string {
  const { machine } = raw
  const warnings = [
    ...(raw.isQuick ? ['> **A quick run: for day-to-day work, NOT FOR QUOTING.**'] : []),
    ...(raw.isInterrupted ? ['> **Interrupted: what is missing was not measured.**'] : []),
    ...(machine.load > 0.5 ? [`> **The machine was busy before the run: load ${machine.load.toFixed(2)}.**`] : [])
  ]
  const versions = Object.entries(raw.versions).map(([name, version]) => `${name} ${version}`)
  return `# vipd and its peers, measured

<!-- Written by \`npm run bench\`. Do not edit. -->

${warnings.map((line) => `${line}\n`).join('')}
${table(
  ['', ''],
  [
    ['when', `${raw.startedAt}, for ${Math.round(raw.tookS / 60)} min`],
    ['machine', `${machine.cores} cores of ${machine.cpu}, ${(machine.memoryBytes / 2 ** 30).toFixed(0)} GiB`],
    ['system', `${machine.system}, Linux ${machine.kernel}`],
    ['versions', versions.join(', ')],
    ['vipd', `commit ${machine.commit}`],
    ['command', `\`${raw.command}\``]
  ]
)}`
}

function goalsPart(raw: Raw): string {
  const judged = judge(raw)
  if (judged.length === 0) return ''
  const missing = unasked(raw)
  const rows = judged.map((one) => [
    one.goal.title,
    one.scenario.name,
    boundWords(one.goal),
    measuredWords(one),
    one.verdict.is === 'reached' ? 'reached' : `**${one.verdict.is}**`
  ])
  const reached = judged.filter((one) => one.verdict.is === 'reached').length
  const left = missing.length === 0 ? '' : `\n\nNot in this run: ${missing.map((goal) => goal.title).join(', ')}.`
  return `## What was to be reached

${reached} of ${judged.length}. Ratios are vipd's figure to the other's in the same round: median [a quarter below–a quarter above].

${table(['figure', 'scenario', 'wanted', 'measured', ''], rows)}${left}`
}

function boundWords({ bound, against, unit, resolution }: Goal): string {
  const within = resolution === undefined ? '' : ` (or within ${resolution} ms)`
  const words = 'atLeast' in bound ? `at least ${bound.atLeast}` : `at most ${bound.atMost}`
  if (against.length === 0) return unit === '' ? words : `${words} ${unit}`
  return `${words} × ${against[0]}${within}`
}

function measuredWords({ goal, verdict }: Judged): string {
  if (verdict.is === 'not measured') return verdict.why.split('\n')[0] ?? ''
  if (verdict.against === undefined) return spread({ unit: goal.unit }, verdict.measured)
  return `${ratio(verdict.measured)} × ${verdict.against}`
}

function scenarioPart(scenario: ScenarioResult, plot: string | undefined): string {
  const { earlier } = scenario
  const when = earlier === undefined ? '' : ` Kept from the run of ${earlier.startedAt}, commit ${earlier.commit}.`
  const lines = [`## ${scenario.title}`, '', `\`${scenario.name}\`. ${scenario.what}${when}`]
  if (scenario.problem !== undefined) lines.push('', `**${scenario.problem}**`)
  const present = scenario.targets.filter((target) => scenario.cells.some((cell) => cell.target === target && cell.ok))
  if (present.length > 0) lines.push('', figuresTable(scenario, present))
  const notes = [...problemsOf(scenario), ...clientNotes(scenario, present)]
  if (notes.length > 0) lines.push('', ...notes.map((note) => `- ${note}`))
  if (plot !== undefined) lines.push('', `![${scenario.title}](${plot})`)
  return lines.join('\n')
}

function figuresTable(scenario: ScenarioResult, targets: readonly string[]): string {
  const baseline = ['haproxy', 'keepalived + haproxy', 'keepalived', 'direct'].find((name) => targets.includes(name))
  const figures = scenario.figures.filter((figure) => targets.some((target) => spreadAt(scenario, target, figure.key)))
  const [main] = figures
  const compared = baseline !== undefined && targets.length > 1 && main !== undefined && main.better !== 'neither'
  const title = (figure: Figure): string => (figure.better === 'neither' ? figure.title : `${figure.title}`)
  const headRow = ['target', ...figures.map(title), ...(compared ? [`${main.title} × ${baseline}`] : [])]
  const rows = targets.map((target) => {
    const cells = figures.map((figure) => {
      const found = spreadAt(scenario, target, figure.key)
      if (found === undefined) return ''
      return figure === main ? spread(figure, found) : withUnit(found.median, figure.unit)
    })
    const paired = compared ? pairedRatio(scenario, target, baseline, main.key) : undefined
    return [target, ...cells, ...(compared ? [paired === undefined || target === baseline ? '' : ratio(paired)] : [])]
  })
  return table(headRow, rows)
}

function problemsOf(scenario: ScenarioResult): string[] {
  const absent = Object.entries(scenario.absent).map(([target, why]) => `**${target} took no part**: ${oneLine(why)}`)
  const failed = scenario.targets.flatMap((target) => {
    const cells = scenario.cells.filter((cell) => cell.target === target && !cell.ok)
    const rounds = cells.map((cell) => cell.round).join(', ')
    const [first] = cells
    return first === undefined || first.ok ? [] : [`**${target} failed in round ${rounds}**: ${oneLine(first.problem)}`]
  })
  return [...absent, ...failed]
}

function clientNotes(scenario: ScenarioResult, targets: readonly string[]): string[] {
  const busy = targets.filter((target) => (spreadAt(scenario, target, 'client_cpu_share')?.median ?? 0) > CLIENT_SHARE)
  return busy.length === 0
    ? []
    : [
        `The client took more than ${CLIENT_SHARE} % of the machine with ${busy.join(', ')}: it may be what was measured there.`
      ]
}

function configurations(raw: Raw): string {
  const texts = new Map<string, string>()
  for (const scenario of raw.scenarios)
    for (const [target, text] of Object.entries(scenario.configurations))
      if (!texts.has(target)) texts.set(target, text)
  if (texts.size === 0) return ''
  const parts = [...texts].map(
    ([target, text]) => `<details><summary>${target}</summary>\n\n\`\`\`\n${text.trim()}\n\`\`\`\n\n</details>`
  )
  return `## What they ran on\n\nOf the first scenario that each took part in; others differ in threads and ports alone.\n\n${parts.join('\n\n')}`
}

function howPart(): string {
  return `## How it was measured

- Client, proxy and servers are each in a network namespace, on one bridge, on one machine: whatever the proxy does not use, client and servers do.
  Rates are thus of the whole path. CPU is the proxy's own, by the scheduler's accounting of all its threads (user and kernel).
- The targets take turns in each round (A B C A B C …). Ratios are taken within a round, then the median of them.
- All have the same number of threads, the same backlog, TCP_NODELAY, three servers in equal turn, no health checks and no logs.
- Client and servers are \`bench/native\`: as little work as can be. Their share of the machine is shown; \`wrk\` checks them.
- What failed is named. Nothing is left out, and nothing is a zero that was not measured.`
}

const oneLine = (text: string): string =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean)
    .join(' / ')
    .slice(0, 300)

import { execFileSync } from 'node:child_process'
import { cpus, release } from 'node:os'
import { modes } from './modes.js'
import { type Direction, MOST_LATE_MS, type Outcome, type Phase } from './outcome.js'
import { type Scenario, scenarios } from './scenarios.js'

/** The matrix as a line, and as a page of Markdown. */

export interface Circumstances {
  readonly date: string
  readonly kernel: string
  readonly keepalived: string
  readonly machine: string
  readonly command: string
}

const BEGIN = '<!-- matrix: written by npm run matrix -->'
const END = '<!-- /matrix -->'

/** @param args of the command line */
export function circumstances(args: readonly string[]): Circumstances {
  return {
    date: new Date().toISOString().slice(0, 10),
    kernel: `Linux ${release()}`,
    keepalived: keepalivedVersion(),
    machine: `${cpus().length} cores`,
    command: ['npm run matrix', ...(args.length > 0 ? ['--', ...args] : [])].join(' ')
  }
}

function keepalivedVersion(): string {
  const shell = execFileSync('sh', ['-c', 'keepalived --version 2>&1'], { encoding: 'utf8', timeout: 5000 })
  return `keepalived ${/v([\d.]+)/.exec(shell)?.[1] ?? '?'}`
}

/** 0, 12 ms, 3.21 s. */
export const brief = (ms: number): string => {
  if (ms < 0.5) return '0'
  return ms < 1000 ? `${ms.toFixed()} ms` : `${(ms / 1000).toFixed(2)} s`
}

/** One cell on one line. */
export function lineOf(outcome: Outcome): string {
  const verdict = outcome.failures.length === 0 ? 'ok    ' : 'FAILED'
  const name = `${outcome.mode} ${outcome.scenario} ${outcome.direction}`.padEnd(38)
  const parts = outcome.phases.map(
    ({ name: phase, figures, takeovers }) =>
      `${phase}: none ${brief(figures.withoutMs)}, two ${brief(figures.twoMs)}, ${takeovers}×`
  )
  const notes = outcome.failures.length === 0 ? outcome.notes.map((note) => `; ${note}`) : []
  const late = outcome.lateMs > 20 ? `; the judge was ${brief(outcome.lateMs)} late` : ''
  return `${verdict} ${name} ${parts.join(' | ')}${notes.join('')} (${outcome.tookS.toFixed()} s${late})`
}

/** The tables, for between the marks. */
export function page(about: Circumstances, outcomes: readonly Outcome[]): string {
  const played = modes.filter((mode) => outcomes.some((outcome) => outcome.mode === mode.name))
  const failed = outcomes.filter((outcome) => outcome.failures.length > 0)
  const lines = [
    `Played on ${about.date} with ${about.keepalived} on ${about.kernel}, ${about.machine}: \`${about.command}\`.`,
    `${outcomes.length} cells, ${failed.length} failed.`,
    '',
    row(['what is done', 'who', 'part', 'at most', ...played.map((mode) => mode.title)]),
    row(['---', '---', '---', '---', ...played.map(() => '---')])
  ]
  for (const scenario of scenarios) {
    for (const direction of ['vipd', 'keepalived', 'pair'] as const) {
      const of = outcomes.filter((one) => one.scenario === scenario.name && one.direction === direction)
      lines.push(
        ...rowsOf(
          scenario,
          direction,
          of,
          played.map((mode) => mode.name)
        )
      )
    }
  }
  lines.push('', ...remarks(outcomes), ...explained())
  const blind = outcomes.filter((one) => one.lateMs > MOST_LATE_MS)
  if (blind.length > 0) {
    const cells = blind.map((one) => `${one.mode} ${one.scenario} ${one.direction} (${brief(one.lateMs)})`)
    lines.push('', `The judge was kept from asking, and may have missed as much, in: ${cells.join(', ')}.`)
  }
  if (failed.length > 0) {
    lines.push('', 'What failed:', '')
    for (const one of failed)
      lines.push(`- ${one.mode}, ${one.scenario}, ${one.direction}: ${one.failures.map(oneLine).join('; ')}`)
  }
  return lines.join('\n')
}

function rowsOf(
  scenario: Scenario,
  direction: Direction,
  outcomes: readonly Outcome[],
  modeNames: readonly string[]
): string[] {
  const names = [...new Set(outcomes.flatMap((outcome) => outcome.phases.map((phase) => phase.name)))]
  return names.map((name, index) => {
    const cells = modeNames.map((mode) => {
      const phases = outcomes
        .filter((outcome) => outcome.mode === mode)
        .flatMap((outcome) => outcome.phases.filter((phase) => phase.name === name))
      const isFailed = outcomes.some((one) => one.mode === mode && one.failures.some((text) => isOf(text, name, index)))
      const times = scenario.isCounted ? `, ${Math.max(...phases.map((phase) => phase.takeovers))}×` : ''
      return phases.length === 0 ? '–' : `${worst(phases)}${times}${isFailed ? ' **✗**' : ''}`
    })
    const bounds = outcomes.flatMap((one) => one.phases).find((phase) => phase.name === name)?.bounds
    const atMost = [bounds?.withoutMs, bounds?.twoMs].map((ms) => (ms === null || ms === undefined ? '–' : brief(ms)))
    return row([scenario.title, direction, name, atMost.join(' / '), ...cells])
  })
}

/** A failure that names no phase belongs to the first one. */
const isOf = (failure: string, phase: string, index: number): boolean =>
  failure.startsWith(`${phase}: `) || (index === 0 && !/^[a-z]+: /.test(failure))

function worst(phases: readonly Phase[]): string {
  const most = (of: (phase: Phase) => number): number => Math.max(...phases.map(of))
  return `${brief(most((phase) => phase.figures.withoutMs))} / ${brief(most((phase) => phase.figures.twoMs))}`
}

/** Why a bound is missing, and what was noted: each once for its scenario, with who and where. */
function remarks(outcomes: readonly Outcome[]): string[] {
  const lines = scenarios.flatMap((scenario) => {
    const texts = new Map<string, Set<string>>()
    for (const one of outcomes.filter((outcome) => outcome.scenario === scenario.name)) {
      const put = (text: string, where: string): unknown => texts.set(text, (texts.get(text) ?? new Set()).add(where))
      for (const { name, bounds } of one.phases) if (bounds.why) put(`${name}: ${bounds.why}`, one.direction)
      if (one.failures.length === 0) for (const note of one.notes) put(note, `${one.direction}, ${titleOf(one.mode)}`)
    }
    return [...texts].map(([text, where]) => `- ${scenario.title}: ${text} (${[...where].join('; ')})`)
  })
  return lines.length > 0 ? ['Where no bound stands, and what else was seen:', '', ...lines] : []
}

function explained(): string[] {
  return [
    '',
    'What is done in each:',
    '',
    ...scenarios.map((scenario) => `- **${scenario.title}** (\`${scenario.name}\`): ${scenario.done}`)
  ]
}

const titleOf = (mode: string): string => modes.find((one) => one.name === mode)?.title ?? mode
const oneLine = (text: string): string => text.replace(/\s+/g, ' ').slice(0, 300)
const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`

/** @returns the page with what stands between the marks replaced; throws where they are missing */
export function replaceBetween(text: string, between: string): string {
  const [from, to] = [text.indexOf(BEGIN), text.indexOf(END)]
  if (from < 0 || to < from) throw new Error(`the page must have the marks ${BEGIN} and ${END}`)
  return `${text.slice(0, from + BEGIN.length)}\n${between}\n${text.slice(to)}`
}

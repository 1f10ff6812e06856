import type { Figure, ScenarioResult } from '../model.js'
import { withUnit } from './numbers.js'
import { samplesOf, spreadOf } from './stats.js'

/** A scenario's figures as bars with a dot for each round. Light and dark, as the reader's system has it. */

const WIDTH = 760
const LEFT = 150
const RIGHT = 110
const ROW = 26
const HEAD = 34

const style = `text{font:13px system-ui,sans-serif;fill:#1f2328}.s{fill:#59636e;font-size:12px}.b{fill:#8c959f}.v{fill:#0969da}
.d{fill:#1f2328;fill-opacity:.45}.g{stroke:#d1d9e0}.k{fill:#fff}
@media(prefers-color-scheme:dark){text{fill:#f0f6fc}.s{fill:#9198a1}.b{fill:#656c76}.v{fill:#4493f8}.d{fill:#f0f6fc;fill-opacity:.5}.g{stroke:#3d444d}.k{fill:#0d1117}}`

/** Which figures are drawn: what the scenario is about. */
const drawn = [
  'rate',
  'throughput_gbit',
  'cpu_us',
  'cpu_s_per_gb',
  'p50_us',
  'p99_us',
  'p999_us',
  'max_us',
  'bytes_per_session',
  'outage_ms',
  'jitter_p999_ms',
  'jitter_max_ms',
  'cpu_share',
  'loop_delay_max_ms'
]

/** @returns SVG, or undefined where there is nothing to draw */
export function plot(scenario: ScenarioResult): string | undefined {
  const figures = scenario.figures.filter(({ key, better }) => drawn.includes(key) && better !== 'neither').slice(0, 4)
  const blocks = figures.flatMap((figure) => {
    const rows = scenario.targets.flatMap((target) => {
      const values = [...samplesOf(scenario, target, figure.key).values()]
      return values.length === 0 ? [] : [{ target, values }]
    })
    return rows.length === 0 ? [] : [{ figure, rows }]
  })
  if (blocks.length === 0) return undefined
  let y = 30
  const parts: string[] = [`<text x="12" y="20" font-weight="600">${escaped(scenario.title)}</text>`]
  for (const { figure, rows } of blocks) {
    parts.push(...block(figure, rows, y))
    y += HEAD + rows.length * ROW
  }
  const height = y + 8
  const open = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">`
  return `${open}<title>${escaped(scenario.title)}</title><style>${style}</style><rect class="k" width="${WIDTH}" height="${height}"/>${parts.join('')}</svg>\n`
}

interface Row {
  readonly target: string
  readonly values: readonly number[]
}

function block(figure: Figure, rows: readonly Row[], top: number): string[] {
  const most = Math.max(...rows.flatMap((row) => row.values), 0) || 1
  const x = (value: number): string => (LEFT + (Math.max(0, value) / most) * (WIDTH - LEFT - RIGHT)).toFixed(1)
  const which = figure.better === 'higher' ? 'more is better' : 'less is better'
  const parts = [
    `<text class="s" x="${LEFT}" y="${top + 22}">${escaped(figure.title)} (${which})</text>`,
    `<line class="g" x1="${LEFT}" x2="${LEFT}" y1="${top + HEAD - 4}" y2="${top + HEAD + rows.length * ROW - 4}"/>`
  ]
  for (const [index, { target, values }] of rows.entries()) {
    const y = top + HEAD + index * ROW
    const middle = spreadOf(values)?.median ?? 0
    const color = target === 'vipd' ? 'v' : 'b'
    const end = Math.max(Number(x(middle)), ...values.map((value) => Number(x(value))))
    parts.push(
      `<text x="${LEFT - 10}" y="${y + 13}" text-anchor="end">${escaped(target)}</text>`,
      `<rect class="${color}" x="${LEFT}" y="${y}" width="${(Number(x(middle)) - LEFT).toFixed(1)}" height="16" rx="2"/>`,
      ...values.map((value) => `<circle class="d" cx="${x(value)}" cy="${y + 8}" r="2.5"/>`),
      `<text x="${(end + 8).toFixed(1)}" y="${y + 13}">${escaped(withUnit(middle, figure.unit))}</text>`
    )
  }
  return parts
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}

import type { Sample } from './sampler.js'

/** A soak as four panels over time. Light and dark, as the reader's system has it. */

const WIDTH = 860
const PANEL = 150
const LEFT = 70
const RIGHT = 20
const GAP = 44

const style = `text{font:13px system-ui,sans-serif;fill:#1f2328}.s{fill:#59636e;font-size:12px}.g{stroke:#d1d9e0}.k{fill:#fff}
path{fill:none;stroke-width:1.5}.c0{stroke:#0969da}.c1{stroke:#bc4c00}.c2{stroke:#1a7f37}.t0{fill:#0969da}.t1{fill:#bc4c00}.t2{fill:#1a7f37}
@media(prefers-color-scheme:dark){text{fill:#f0f6fc}.s{fill:#9198a1}.g{stroke:#3d444d}.k{fill:#0d1117}.c0{stroke:#4493f8}.c1{stroke:#db6d28}.c2{stroke:#3fb950}.t0{fill:#4493f8}.t1{fill:#db6d28}.t2{fill:#3fb950}}`

interface Panel {
  readonly title: string
  readonly lines: readonly {
    readonly name: string
    readonly of: (sample: Sample, before: Sample) => number | undefined
  }[]
  /** Orders of magnitude apart. */
  readonly isLog?: boolean
}

const masters = [0, 1, 2]
const panels: readonly Panel[] = [
  {
    title: 'resident memory, MB',
    lines: masters.map((i) => ({ name: `m${i + 1}`, of: (one) => one.masters[i]?.rssMb }))
  },
  { title: 'open descriptors', lines: masters.map((i) => ({ name: `m${i + 1}`, of: (one) => one.masters[i]?.fds })) },
  {
    title: 'a visit, ms (of ten seconds each; faults are in it)',
    isLog: true,
    lines: [
      { name: 'median', of: ({ p50 }) => p50 || undefined },
      { name: '99th of 100', of: ({ p99 }) => p99 || undefined }
    ]
  },
  {
    title: 'visits a second',
    lines: [
      { name: 'answered', of: (one, before) => (one.ok - before.ok) / (one.seconds - before.seconds) },
      { name: 'failed', of: (one, before) => (one.failed - before.failed) / (one.seconds - before.seconds) }
    ]
  }
]

/** @returns SVG */
export function plot(title: string, samples: readonly Sample[]): string {
  const height = 40 + panels.length * (PANEL + GAP)
  const end = samples.at(-1)?.seconds || 1
  const parts = panels.map((panel, index) => drawn(panel, samples, end, 40 + index * (PANEL + GAP)))
  const open = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">`
  return `${open}<title>${title}</title><style>${style}</style><rect class="k" width="${WIDTH}" height="${height}"/><text x="12" y="22" font-weight="600">${title}</text>${parts.join('')}</svg>\n`
}

function drawn(panel: Panel, samples: readonly Sample[], end: number, top: number): string {
  const scale =
    panel.isLog === true
      ? (value: number): number => Math.log10(Math.max(value, 0.1)) + 1
      : (value: number): number => value
  const rows = panel.lines.map(({ of }) =>
    samples.map((one, i) => of(one, samples[i - 1] ?? { ...one, seconds: 0, ok: 0, failed: 0 }))
  )
  const most = Math.max(...rows.flat().map((value) => value ?? 0), 1)
  const bottom = top + 24 + PANEL - 24
  const y = (value: number): string => (bottom - (scale(value) / scale(most)) * (PANEL - 24)).toFixed(1)
  const x = (seconds: number): string => (LEFT + (seconds / end) * (WIDTH - LEFT - RIGHT)).toFixed(1)
  const marks =
    panel.isLog === true ? [0.1, 1, 10, 100, 1000, 10_000].filter((mark) => mark <= most) : [0, most / 2, most]
  const grid = marks.map(
    (mark) =>
      `<line class="g" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(mark)}" y2="${y(mark)}"/><text class="s" x="${LEFT - 8}" y="${Number(y(mark)) + 4}" text-anchor="end">${Number(mark.toPrecision(3))}</text>`
  )
  const lines = rows.map((values, index) => `<path class="c${index}" d="${pathOf(values, samples, x, y)}"/>`)
  const names = panel.lines.map(({ name }, i) => `<tspan class="t${i}" dx="12">${name}</tspan>`)
  const times = [0, 0.25, 0.5, 0.75, 1].map(
    (share) =>
      `<text class="s" x="${x(end * share)}" y="${bottom + 16}" text-anchor="${share === 1 ? 'end' : 'middle'}">${Math.round((end * share) / 60)} min</text>`
  )
  return `<text x="${LEFT}" y="${top + 12}">${panel.title}${names.join('')}</text>${grid.join('')}${lines.join('')}${times.join('')}`
}

/** What is not known is a gap in the line. */
function pathOf(
  values: readonly (number | undefined)[],
  samples: readonly Sample[],
  x: (seconds: number) => string,
  y: (value: number) => string
): string {
  let isDown = false
  return values
    .map((value, i) => {
      const verb = isDown ? 'L' : 'M'
      isDown = value !== undefined
      return value === undefined ? '' : `${verb}${x(samples[i]?.seconds ?? 0)} ${y(value)}`
    })
    .join('')
}

import { z } from 'zod'
import type { Raw } from '../model.js'
import { withUnit } from './numbers.js'
import { type Spread, spreadAt } from './stats.js'
import { table } from './table.js'

const figure = z.object({
  key: z.string(),
  title: z.string(),
  unit: z.string(),
  better: z.enum(['higher', 'lower', 'neither'])
})
const cell = z.union([
  z.object({ target: z.string(), round: z.number(), ok: z.literal(true), figures: z.record(z.string(), z.number()) }),
  z.object({ target: z.string(), round: z.number(), ok: z.literal(false), problem: z.string() })
])
const text = z.record(z.string(), z.string())
const scenario = z
  .object({
    name: z.string(),
    title: z.string(),
    what: z.string(),
    figures: z.array(figure),
    targets: z.array(z.string()),
    cells: z.array(cell),
    configurations: text,
    absent: text,
    problem: z.string().optional(),
    earlier: z.object({ startedAt: z.string(), commit: z.string() }).optional()
  })
  .transform(({ problem, earlier, ...rest }) => ({
    ...rest,
    ...(problem !== undefined && { problem }),
    ...(earlier !== undefined && { earlier })
  }))
const raw = z.object({
  schema: z.literal(1),
  startedAt: z.string(),
  tookS: z.number(),
  isQuick: z.boolean(),
  isInterrupted: z.boolean(),
  command: z.string(),
  machine: z.object({
    cpu: z.string(),
    cores: z.number(),
    memoryBytes: z.number(),
    kernel: z.string(),
    system: z.string(),
    load: z.number(),
    commit: z.string()
  }),
  versions: text,
  scenarios: z.array(scenario)
})

/** A raw file's text; what is wrong with it names the place. */
export function decodeRaw(
  content: string
): { readonly ok: true; readonly raw: Raw } | { readonly ok: false; readonly problem: string } {
  let parsed: unknown
  try {
    parsed = JSON.parse(content)
  } catch (error) {
    return { ok: false, problem: `no JSON: ${error instanceof Error ? error.message : String(error)}` }
  }
  const result = raw.safeParse(parsed)
  if (result.success) return { ok: true, raw: result.data }
  const [first] = result.error.issues
  return { ok: false, problem: `no raw file of npm run bench: ${first?.path.join('.') ?? ''}: ${first?.message ?? ''}` }
}

/** What changed from one run to another, figure by figure. Outside of both spreads it is better or worse, inside it is noise. */
export function compare(before: Raw, after: Raw): string {
  const rows: string[][] = []
  for (const then of before.scenarios) {
    const now = after.scenarios.find((one) => one.name === then.name)
    if (now === undefined) continue
    for (const target of then.targets) {
      for (const { key, title, unit, better } of then.figures) {
        const [a, b] = [spreadAt(then, target, key), spreadAt(now, target, key)]
        if (a === undefined || b === undefined || better === 'neither') continue
        const change = a.median === 0 ? '' : `${signed((b.median / a.median - 1) * 100)} %`
        const values = [withUnit(a.median, unit), withUnit(b.median, unit)]
        rows.push([then.name, target, title, ...values, change, wordsOf(a, b, better)])
      }
    }
  }
  const warnings = warningsOf(before, after).map((line) => `! ${line}\n`)
  const missing = before.scenarios.filter((one) => !after.scenarios.some((other) => other.name === one.name))
  const left = missing.length === 0 ? '' : `\n\nOnly in the first: ${missing.map((one) => one.name).join(', ')}`
  if (rows.length === 0) return `${warnings.join('')}The two runs have no figure in common.${left}`
  return `${warnings.join('')}${table(['scenario', 'target', 'figure', 'before', 'after', 'change', ''], rows)}${left}`
}

function wordsOf(a: Spread, b: Spread, better: 'higher' | 'lower'): string {
  const isAbove = b.low > a.high
  const isBelow = b.high < a.low
  if (!isAbove && !isBelow) return ''
  return isAbove === (better === 'higher') ? 'better' : 'WORSE'
}

function warningsOf(a: Raw, b: Raw): string[] {
  const differ: [string, string, string][] = [
    ['machine', `${a.machine.cores} × ${a.machine.cpu}`, `${b.machine.cores} × ${b.machine.cpu}`],
    ['kernel', a.machine.kernel, b.machine.kernel],
    ['effort', a.isQuick ? 'quick' : 'full', b.isQuick ? 'quick' : 'full']
  ]
  return differ
    .filter(([, one, other]) => one !== other)
    .map(([what, one, other]) => `another ${what}: ${one}, then ${other}`)
}

const signed = (percent: number): string => `${percent > 0 ? '+' : ''}${percent.toFixed(1)}`

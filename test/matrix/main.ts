import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { ensurePackages } from '../lab/packages.js'
import { type Cell, cellsOf, playAll } from './cells.js'
import { modes, usualModes } from './modes.js'
import type { Direction, Outcome } from './outcome.js'
import { type Circumstances, circumstances, lineOf, page, replaceBetween } from './report.js'
import { scenarios } from './scenarios.js'

/** `npm run matrix`: vipd beside the distribution's keepalived, mode by mode and fault by fault, judged from a third namespace. */

const root = new URL('../../../', import.meta.url)
const usage = `npm run matrix -- [--mode NAME]... [--scenario NAME]... [--direction NAME]... [--repeat N] [--jobs N] [--docs] [--render] [--merge] [--json FILE] [--list]
  --mode       ${modes.map((mode) => mode.name).join(', ')} (all but v3-fast unless given)
  --scenario   ${scenarios.map((scenario) => scenario.name).join(', ')}
  --direction  who suffers: vipd, keepalived, pair (keepalived beside keepalived; in any scenario when asked for)
  --repeat     how often each cell is played; the table has the worst of it (1)
  --jobs       labs at a time (2)
  --json       where the results go (dist/test-output/matrix.json)
  --merge      keep what that file has of cells that are not played now
  --docs       write the table into docs/interop.md
  --render     only that, from the file of an earlier run
  --list       say what would be played`

process.exitCode = await main()

async function main(): Promise<number> {
  const options = read()
  if (options === undefined) return 2
  const { cells, repeat, jobs, file } = options
  if (options.list) {
    for (const { mode, scenario, direction } of cells) console.log(`${mode.name} ${scenario.name} ${direction}`)
    return 0
  }
  if (options.render) {
    const { about, outcomes } = JSON.parse(readFileSync(file, 'utf8')) as Results
    writeDocs(page(about, outcomes))
    return 0
  }
  if (process.getuid?.() !== 0) {
    console.error('The matrix needs root: it makes network namespaces. Type: sudo npm run matrix')
    return 1
  }
  const ensured = ensurePackages(['iproute2', 'keepalived', 'nftables', 'g++'])
  if (!ensured.ok) {
    console.error(ensured.reason)
    return 1
  }
  const about = circumstances(process.argv.slice(2))
  const total = cells.length * repeat
  console.log(`${total} cells, ${jobs} at a time; ${about.kernel}, ${about.keepalived}`)
  let done = 0
  const tell = (outcome: Outcome): void => {
    done += 1
    console.log(`${String(done).padStart(4)}/${total} ${lineOf(outcome)}`)
    for (const failure of outcome.failures) console.log(`          ${failure}`)
    if (outcome.failures.length > 0)
      for (const phase of outcome.phases) console.log(`          ${phase.story.join('\n          ')}`)
    if (outcome.failures.length > 0) for (const note of outcome.notes) console.log(`            ${note}`)
  }
  const repeated = Array.from({ length: repeat }, () => cells).flat()
  const played = await playAll(repeated, jobs, tell)
  const results = options.merge ? merged(earlier(file), played) : played
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, `${JSON.stringify({ about, outcomes: results }, null, 1)}\n`)
  if (options.docs) writeDocs(page(about, results))
  const failed = played.filter((outcome) => outcome.failures.length > 0).length
  console.log(`${played.length - failed} passed, ${failed} failed; ${file}`)
  return failed === 0 ? 0 : 1
}

interface Results {
  readonly about: Circumstances
  readonly outcomes: readonly Outcome[]
}

function writeDocs(text: string): void {
  const docs = fileURLToPath(new URL('docs/interop.md', root))
  writeFileSync(docs, replaceBetween(readFileSync(docs, 'utf8'), text))
}

interface Options {
  readonly cells: readonly Cell[]
  readonly repeat: number
  readonly jobs: number
  readonly file: string
  readonly docs: boolean
  readonly merge: boolean
  readonly render: boolean
  readonly list: boolean
}

function read(): Options | undefined {
  try {
    const { values } = parseArgs({
      options: {
        mode: { type: 'string', multiple: true },
        scenario: { type: 'string', multiple: true },
        direction: { type: 'string', multiple: true },
        repeat: { type: 'string', default: '1' },
        jobs: { type: 'string', default: '2' },
        json: { type: 'string', default: fileURLToPath(new URL('dist/test-output/matrix.json', root)) },
        docs: { type: 'boolean', default: false },
        merge: { type: 'boolean', default: false },
        render: { type: 'boolean', default: false },
        list: { type: 'boolean', default: false }
      }
    })
    const ofModes = values.mode === undefined ? usualModes : named(modes, values.mode)
    const ofScenarios = values.scenario === undefined ? scenarios : named(scenarios, values.scenario)
    const cells = cellsOf(ofModes, ofScenarios, values.direction && directions(values.direction))
    const [repeat, jobs] = [Number(values.repeat), Number(values.jobs)]
    if (cells.length === 0 || !(repeat >= 1) || !(jobs >= 1 && jobs <= 8)) throw new Error('nothing to do')
    return {
      cells,
      repeat,
      jobs,
      file: values.json,
      docs: values.docs,
      merge: values.merge,
      render: values.render,
      list: values.list
    }
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n${usage}`)
    return undefined
  }
}

function directions(words: readonly string[]): Direction[] {
  const known: readonly Direction[] = ['vipd', 'keepalived', 'pair']
  return words.map((word) => {
    const found = known.find((direction) => direction === word)
    if (found === undefined) throw new Error(`unknown: ${word}`)
    return found
  })
}

function named<Item extends { readonly name: string }>(items: readonly Item[], names: readonly string[]): Item[] {
  return names.map((name) => {
    const found = items.find((item) => item.name === name)
    if (found === undefined) throw new Error(`unknown: ${name}`)
    return found
  })
}

function earlier(file: string): readonly Outcome[] {
  try {
    return (JSON.parse(readFileSync(file, 'utf8')) as Results).outcomes
  } catch {
    return []
  }
}

/** What was played now, and of what was played earlier those cells that were not. */
function merged(old: readonly Outcome[], played: readonly Outcome[]): Outcome[] {
  const key = (outcome: Outcome): string => `${outcome.mode} ${outcome.scenario} ${outcome.direction}`
  const now = new Set(played.map(key))
  return [...old.filter((outcome) => !now.has(key(outcome))), ...played]
}

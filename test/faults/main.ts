import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { ensurePackages } from '../lab/packages.js'
import { type Cost, eachAlone, tableOf } from './each.js'
import type { Kind } from './kind.js'
import { kinds } from './kinds.js'
import { PairSubject } from './pair.js'
import { plot } from './plot.js'
import { type RandomOutcome, random } from './random.js'
import { Storm } from './storm.js'
import { VipdSubject } from './vipd.js'

/** `npm run test:faults`: what goes wrong with masters under load, one fault after the other, or at random. */

const usage = `npm run test:faults -- [--each] [--seed N]... [--seconds N] [--kind WORDS]... [--spare MASTER] [--out FOLDER]
  --each     one fault of the master after the other, and what each costs; else several at once, at random
  --seed     a schedule of random faults, the same each time; may be given several times, then one after the other (1)
  --seconds  how long it is at random (60), or how long each fault lasts (3)
  --kind     only faults with these words in their names
  --spare    this master's process is not ended: it shall be seen living long
  --kept     connections that are kept and talk all the time (50)
  --every    milliseconds between two visits of clients (20)
  --out      where figures and plots go (dist/test-output/faults)
  --list     the names of the faults`

process.exitCode = await main()

async function main(): Promise<number> {
  const options = read()
  if (typeof options === 'number') return options
  const { values } = options
  const needed = ensurePackages([
    'nftables',
    'g++',
    'iproute2',
    ...(values.each === true ? (['keepalived', 'haproxy'] as const) : [])
  ])
  if (!needed.ok) {
    console.error(needed.reason)
    return 1
  }
  const chosen = kinds.filter(({ name }) => values.kind?.some((words) => name.includes(words)) ?? true)
  const [kept, everyMs] = [Number(values.kept), Number(values.every)]
  mkdirSync(values.out, { recursive: true })
  if (values.each === true)
    return each(chosen, { kept, everyMs, forMs: Number(values.seconds ?? 3) * 1000, out: values.out })
  let failed = 0
  for (const seed of values.seed.map(Number)) {
    const seconds = Number(values.seconds ?? 60)
    const csv = join(values.out, `random-${seed}.csv`)
    const outcome = await random({
      seed,
      seconds,
      kinds: chosen,
      csv,
      kept,
      everyMs,
      ...(values.spare !== undefined && { spared: values.spare })
    })
    report(outcome)
    writeFileSync(csv.replace('.csv', '.json'), `${JSON.stringify({ ...outcome, samples: undefined }, null, 2)}\n`)
    writeFileSync(
      csv.replace('.csv', '.svg'),
      plot(`Three masters, ${seconds / 60} min of random faults, seed ${seed}`, outcome.samples)
    )
    if (outcome.wrongs.length > 0) failed++
  }
  return failed === 0 ? 0 : 1
}

/** vipd and keepalived with haproxy, each with the same faults, in one run. */
async function each(
  chosen: readonly Kind[],
  { kept, everyMs, forMs, out }: { kept: number; everyMs: number; forMs: number; out: string }
): Promise<number> {
  const costs: Record<string, Cost[]> = {}
  for (const [name, Subject] of [
    ['vipd', VipdSubject],
    ['keepalived + haproxy', PairSubject]
  ] as const) {
    const kinds = name === 'vipd' ? chosen : chosen.filter(({ ofVipd }) => ofVipd !== true)
    const storm = new Storm(kinds)
    const own: Cost[] = []
    costs[name] = own
    try {
      await storm.start((...of) => new Subject(...of), everyMs)
      await storm.startKept(kept, 50)
      await eachAlone(storm, kinds, forMs, (cost) => {
        own.push(cost)
        console.log(`${name}: ${JSON.stringify(cost)}`)
      })
    } finally {
      await storm.lab.close()
    }
  }
  const table = tableOf(costs)
  writeFileSync(join(out, 'each.md'), table)
  console.log(table)
  return 0
}

function report(outcome: RandomOutcome): void {
  const { seed, seconds, faults, visits, kept, vacancyMs, overlapMs, wrongs } = outcome
  const total = Object.values(faults).reduce((sum, count) => sum + count, 0)
  console.log(`seed ${seed}, ${seconds} s: ${total} faults of ${Object.keys(faults).length} kinds
  visits: ${visits.ok} answered, ${visits.failed} failed, ${visits.wrong} with a wrong byte
  kept connections: ${kept.answered} words answered, ${kept.broken} times broken, ${kept.wrong} words wrong
  without an owner for ${vacancyMs.toFixed()} ms at the longest, with two that hear each other for ${overlapMs.working.toFixed()} ms; one of them hung: ${overlapMs.hung.toFixed()} ms
  ${wrongs.length === 0 ? 'all as it should be' : `WRONG: ${wrongs.join('\n  WRONG: ')}`}`)
}

function read() {
  try {
    const parsed = parseArgs({
      options: {
        each: { type: 'boolean' },
        seed: { type: 'string', multiple: true, default: ['1'] },
        seconds: { type: 'string' },
        kind: { type: 'string', multiple: true },
        spare: { type: 'string' },
        kept: { type: 'string', default: '50' },
        every: { type: 'string', default: '20' },
        out: { type: 'string', default: 'dist/test-output/faults' },
        list: { type: 'boolean' },
        help: { type: 'boolean' }
      }
    })
    if (parsed.values.help === true) console.log(usage)
    if (parsed.values.list === true) for (const { name } of kinds) console.log(name)
    return parsed.values.help === true || parsed.values.list === true ? 0 : parsed
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n${usage}`)
    return 2
  }
}

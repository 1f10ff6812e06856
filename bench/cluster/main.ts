import { createInterface } from 'node:readline/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { machine, versions } from '../machine.js'
import type { Raw } from '../model.js'
import { table } from '../report/table.js'
import { writeReport } from '../report/write.js'
import { ask } from './ask.js'
import { type Access, readKubeconfig } from './kubeconfig.js'
import { kinds, type Plan, parsePlan, planWords, ROUNDS, usage, watchPath } from './plan.js'
import { type Sample, scenariosOf, summaryRows } from './summary.js'
import { Watch } from './watch.js'

/** `npm run bench -- --target …`: asks apiservers that are already there. @returns the exit status */
export async function runCluster(argv: readonly string[]): Promise<number> {
  if (argv.includes('--help')) {
    console.log(usage)
    return 0
  }
  const parsed = parsePlan(argv)
  if (!parsed.ok) {
    console.error(`${parsed.problem}\n\n${usage}`)
    return 2
  }
  const { plan } = parsed
  const read = readKubeconfig(plan.kubeconfig, plan.context)
  if (!read.ok) {
    console.error(read.problem)
    return 2
  }
  const { access } = read
  const vip = plan.target.slice('https://'.length)
  const first = await ask(vip, '/version', access)
  if (first.error !== undefined) {
    console.error(`${plan.target} does not answer as it should: ${mend(first.error)}`)
    return 1
  }
  const ways = [vip, ...(await directWays(plan, vip, access))]
  console.log(`This will be done:\n${planWords(plan, ways, access.user)}`)
  if (access.isInsecure) console.log('  certificates are not verified, as the kubeconfig has it')
  if (!(await mayBegin(plan))) return 1
  const [startedAt, from] = [new Date().toISOString(), performance.now()]
  const { samples, watches } = await run(plan, ways, access)
  const scenarios = scenariosOf(samples, watches, ways)
  console.log(
    `\n${table(['question', 'way', 'answered', 'failed', 'p50', 'p99', 'max', 'by'], summaryRows(samples, watches, ways))}`
  )
  const raw: Raw = {
    schema: 1,
    startedAt,
    tookS: (performance.now() - from) / 1000,
    isQuick: false,
    isInterrupted: false,
    command: `npm run bench -- ${argv.join(' ')}`,
    machine: machine(),
    versions: versions(),
    scenarios
  }
  if (plan.out !== undefined) {
    await writeReport(raw, plan.out)
    console.log(`\n${plan.out}/report.md, report.json, plots/`)
  }
  return samples.some((one) => one.way === vip && one.answer.error === undefined) ? 0 : 1
}

function mend(error: string): string {
  if (error === 'status 401')
    return 'status 401: the credentials of the kubeconfig are not known there, or have expired'
  if (error === 'status 403') return 'status 403: the user of the kubeconfig may not ask for /version'
  if (/CERT|SELF_SIGNED|ISSUER|ALTNAME/i.test(error))
    return `${error}: its certificate is not what the kubeconfig’s authority and the name call for`
  return error
}

/** The endpoints of the service `kubernetes` are the apiservers. */
async function directWays(plan: Plan, vip: string, access: Access): Promise<string[]> {
  if (plan.direct.includes('none')) return []
  if (plan.direct.length > 0) return [...plan.direct]
  const { body = '', error } = await ask(vip, '/api/v1/namespaces/default/endpoints/kubernetes', access)
  if (error !== undefined) {
    console.error(`the apiservers’ own addresses are not to be had (${error}): --direct HOST:PORT names them`)
    return []
  }
  const { subsets = [] } = JSON.parse(body) as {
    subsets?: { addresses?: { ip: string }[]; ports?: { port: number }[] }[]
  }
  return subsets.flatMap(({ addresses = [], ports = [] }) =>
    addresses.flatMap(({ ip }) => ports.map(({ port }) => `${ip.includes(':') ? `[${ip}]` : ip}:${port}`))
  )
}

async function mayBegin(plan: Plan): Promise<boolean> {
  if (plan.isYes) return true
  if (!process.stdin.isTTY) {
    console.error('Nobody can be asked here: --yes begins without.')
    return false
  }
  const lines = createInterface({ input: process.stdin, output: process.stdout })
  const said = await lines.question('Begin? [y/N] ')
  lines.close()
  return /^y(es)?$/i.test(said.trim())
}

async function run(plan: Plan, ways: readonly string[], access: Access) {
  const [vip = '', ...direct] = ways
  const watches = [vip, ...direct.slice(0, 1)].flatMap((way) =>
    Array.from({ length: plan.watches }, () => ({ way, watch: new Watch(way, watchPath, access) }))
  )
  const samples: Sample[] = []
  const pending = new Set<Promise<void>>()
  const total = Math.round(plan.rate * plan.seconds)
  const from = performance.now()
  for (let number = 0; number < total; number++) {
    // Through the VIP and directly in turn; of each the kinds in turn.
    const way = number % 2 === 0 || direct.length === 0 ? vip : (direct[(number >> 1) % direct.length] ?? vip)
    // Shifted each time round: as many servers in turn as there are kinds would each be asked for one kind alone.
    const turn = Math.floor(number / 2)
    const kind = kinds[(turn + Math.floor(turn / kinds.length)) % kinds.length] ?? kinds[0]
    const round = 1 + Math.floor((number * ROUNDS) / total)
    const one = ask(way, kind.path, access).then((answer) => {
      samples.push({ way, kind: kind.name, round, answer })
      pending.delete(one)
    })
    pending.add(one)
    const due = from + ((number + 1) * 1000) / plan.rate
    const wait = due - performance.now()
    if (wait > 0) await pause(wait)
  }
  await Promise.all(pending)
  for (const { watch } of watches) watch.close()
  return { samples, watches }
}

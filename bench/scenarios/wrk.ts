import { setTimeout as pause } from 'node:timers/promises'
import { ensurePackages } from '../../test/lab/packages.js'
import { used } from '../accounting.js'
import type { Effort, Figure, Measured, OpenScenario, Scenario } from '../model.js'
import { problemOf, Stand } from '../stand.js'
import { DIRECT } from '../targets/all.js'

/** The same as two of our own scenarios, with wrk: to see whether our client tells the truth. */

const targets = [DIRECT, 'vipd', 'haproxy']
const figures: readonly Figure[] = [
  { key: 'rate', title: 'requests/s', unit: '/s', better: 'higher' },
  { key: 'cpu_us', title: 'proxy CPU a request', unit: 'µs', better: 'lower' },
  { key: 'errors', title: 'errors', unit: '', better: 'lower' }
]

export const wrkScenarios: readonly Scenario[] = [
  wrkScenario('wrk-requests', 'Requests on 64 kept connections, by wrk', []),
  wrkScenario('wrk-connections', 'New connections, closed by the server, by wrk', ['-H', 'Connection: close'])
]

function wrkScenario(name: string, title: string, words: readonly string[]): Scenario {
  const what = `\`wrk -t2 -c64 ${words.length > 0 ? '-H "Connection: close" ' : ''}http://…/bytes/100\`: Debian's wrk, as a check of our own client.`
  const open = async (effort: Effort): Promise<OpenScenario> => {
    const ensured = ensurePackages(['wrk'])
    if (!ensured.ok) throw new Error(ensured.reason)
    const stand = await Stand.open({ targets, threads: 2 })
    return {
      configurations: stand.configurations,
      absent: stand.absent,
      close: () => stand.close(),
      measure: (target) => measure(stand, target, words, Math.max(1, Math.round(effort.seconds)))
    }
  }
  return { name, title, what, figures, targets, open }
}

async function measure(stand: Stand, target: string, words: readonly string[], seconds: number): Promise<Measured> {
  const gone = stand.absent[target]
  if (gone !== undefined) return problemOf(gone)
  const url = `http://${stand.addressesOf(target)[0]}/bytes/100`
  const before = used(stand.pidsOf(target))
  const wrk = stand.ground.start('client', ['wrk', '-t2', '-c64', `-d${seconds}`, ...words, url])
  const timer = setTimeout(() => wrk.signal('SIGKILL'), (seconds + 10) * 1000)
  const exit = await wrk.exited
  clearTimeout(timer)
  await pause(20)
  const after = used(stand.pidsOf(target))
  const text = wrk.lines.join('\n')
  const done = Number(/(\d+) requests in/.exec(text)?.[1] ?? 0)
  const rate = Number(/Requests\/sec:\s+([\d.]+)/.exec(text)?.[1] ?? 0)
  if (exit.code !== 0 || done === 0) return problemOf(`wrk: ${wrk.tail(3)}`)
  const errors = [...text.matchAll(/(?:connect|read|write|timeout) (\d+)/g)].reduce(
    (sum, one) => sum + Number(one[1]),
    0
  )
  const cpu = target === DIRECT ? {} : { cpu_us: ((after.cpuS - before.cpuS) * 1e6) / done }
  return { ok: true, figures: { rate, ...cpu, errors } }
}

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { ensurePackages } from '../../test/lab/packages.js'
import { used } from '../accounting.js'
import type { Work } from '../load.js'
import type { Effort, Figure, Measured, OpenScenario, Scenario } from '../model.js'
import { problemOf, Stand } from '../stand.js'

/** What a request or a connection takes in system calls, packets and wake-ups: counts, which no busy machine disturbs much. */

const targets = ['vipd', 'haproxy', 'nginx']
const figures: readonly Figure[] = [
  { key: 'calls', title: 'system calls', unit: '', better: 'lower' },
  { key: 'packets', title: 'packets in and out of the proxy', unit: '', better: 'lower' },
  { key: 'switches', title: 'context switches', unit: '', better: 'lower' }
]

export const countScenarios: readonly Scenario[] = [
  counts('counts-request', 'Counted: a request on a kept connection', { mode: 'requests', connections: 1, bytes: 100 }),
  counts('counts-connection-server', 'Counted: a connection that the server closes', {
    mode: 'connections',
    concurrency: 1,
    bytes: 100,
    close: 'server'
  }),
  counts('counts-connection-client', 'Counted: a connection that the client closes', {
    mode: 'connections',
    concurrency: 1,
    bytes: 100,
    close: 'client'
  })
]

function counts(name: string, title: string, work: Work): Scenario {
  const what =
    'One client, one after the other; one thread. System calls by `strace -c`, packets by the counters of the proxy’s interface, both legs together. For each request or connection.'
  const open = async (effort: Effort): Promise<OpenScenario> => {
    const ensured = ensurePackages(['strace'])
    if (!ensured.ok) throw new Error(ensured.reason)
    const stand = await Stand.open({ targets, threads: 1 })
    const seconds = Math.min(1, effort.seconds)
    return {
      configurations: stand.configurations,
      absent: stand.absent,
      close: () => stand.close(),
      measure: (target) => measure(stand, target, work, seconds)
    }
  }
  return { name, title, what, figures, targets, rounds: (effort) => Math.min(3, effort.rounds), open }
}

async function measure(stand: Stand, target: string, work: Work, seconds: number): Promise<Measured> {
  const packetsBefore = await packets(stand)
  const switchesBefore = used(stand.pidsOf(target)).contextSwitches
  const plain = await stand.load(target, work, seconds, 0)
  if ('problem' in plain) return problemOf(plain.problem)
  const { all_done: done } = plain.outcome
  const [packetsAfter, switchesAfter] = [await packets(stand), used(stand.pidsOf(target)).contextSwitches]
  const calls = await systemCalls(stand, target, work, seconds)
  if (calls === undefined) return problemOf('strace told nothing')
  return {
    ok: true,
    figures: {
      calls,
      packets: (packetsAfter - packetsBefore) / done,
      switches: (switchesAfter - switchesBefore) / done
    }
  }
}

async function systemCalls(stand: Stand, target: string, work: Work, seconds: number): Promise<number | undefined> {
  const file = join(stand.ground.folder, `strace-${target}`)
  const pids = stand.pidsOf(target).flatMap((pid) => ['-p', String(pid)])
  const strace = stand.ground.start('proxy', ['strace', '-c', '-f', '-o', file, ...pids])
  await strace.line(/attached/, 5000)
  const loaded = await stand.load(target, work, seconds, 0)
  await pause(50)
  await strace.stop('SIGINT', 5000)
  if ('problem' in loaded) return undefined
  const total = /^100\.00\s+\S+\s+\S*\s+(\d+)(?:\s+\d+)?\s+total$/m.exec(readFileSync(file, 'utf8'))
  return total === null ? undefined : Number(total[1]) / loaded.outcome.all_done
}

async function packets(stand: Stand): Promise<number> {
  const statistics = '/sys/class/net/eth0/statistics'
  const cat = stand.ground.start('proxy', ['cat', `${statistics}/rx_packets`, `${statistics}/tx_packets`])
  await cat.exited
  return cat.lines.reduce((sum, line) => sum + Number(line), 0)
}

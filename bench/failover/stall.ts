import { parseArgs } from 'node:util'
import { Child } from '../../test/lab/child.js'
import { ensurePackages } from '../../test/lab/packages.js'
import type { Status } from '../../test/lab/vipd.js'
import { nowMs, pause } from '../../test/lab/wait.js'
import { ready, table } from '../report/table.js'
import { Pair } from './pair.js'

/**
 * No false failover: two vipd at 50 ms adverts while busy processes hold every core and the main loop of both is
 * blocked again and again (VIPD_TEST_BLOCK, which `vipd run` honours). Fails when anything but the master ever answered,
 * when nobody did for longer than an interval, or when a counter says that somebody became master.
 */

const counted = ['become_master', 'release_master', 'stalled', 'advert_sent', 'advert_rcvd'] as const

process.exitCode = await main()

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '300' },
      advert: { type: 'string', default: '50' },
      busy: { type: 'string', default: '8' },
      block: { type: 'string', default: '300/2000' }
    }
  })
  if (!ready(ensurePackages(['iproute2', 'g++']))) return 1
  const [seconds, advertMs, busy] = [Number(values.seconds), Number(values.advert), Number(values.busy)]
  const env = values.block === '0' ? {} : { VIPD_TEST_BLOCK: values.block }
  const pair = new Pair({ advertMs, priorities: [254, 200], env, judgeMs: 5 })
  try {
    await pair.start()
    for (let index = 0; index < busy; index++) pair.lab.ending(new Child(['sh', '-c', 'while :; do :; done']))
    await pause(1000)
    const before = await counters(pair)
    const from = nowMs()
    console.log(`${seconds} s at ${advertMs} ms adverts, ${busy} busy processes, main loops blocked ${values.block} ms`)
    for (let passed = 0; passed < seconds; passed += 10) {
      await pause(Math.min(10, seconds - passed) * 1000)
      console.log(`${Math.min(passed + 10, seconds)} s: ${pair.judge.story(from).join('; ')}`)
    }
    const figures = await pair.judge.figures(from)
    const after = await counters(pair)
    const rows = counted.map((name) => [
      name,
      ...['master', 'backup'].map((who) => String(change(before, after, who, name)))
    ])
    const takeovers = pair.judge.beginnings(pair.backup.node.name, from)
    console.log(`\n${table(['counter', 'master', 'backup'], rows)}\n`)
    console.log(`false failovers by the judge: ${takeovers}`)
    console.log(`without an owner: ${figures.withoutMs.toFixed()} ms, two owners: ${figures.twoMs.toFixed()} ms`)
    console.log(`the judge was at most ${pair.judge.lateMs.toFixed(1)} ms late`)
    const became = change(before, after, 'master', 'become_master') + change(before, after, 'backup', 'become_master')
    const blockMs = Number(values.block.split('/')[0])
    const blocked = [after['master'], after['backup']].map((counts) => Number(counts?.['loop'] ?? 0))
    console.log(`main loops stood still for at most ${blocked.map((ms) => ms.toFixed()).join(' and ')} ms`)
    if (Math.min(...blocked) < 0.8 * blockMs) {
      console.log('FAILED: they were not blocked, so nothing was measured: does vipd run honour VIPD_TEST_BLOCK?')
      return 1
    }
    const isSteady = takeovers === 0 && became === 0 && figures.longestWithoutMs <= advertMs
    console.log(isSteady ? 'no false failover' : 'FAILED: there was one')
    return isSteady ? 0 : 1
  } finally {
    await pair.close()
  }
}

type Counts = Readonly<Record<string, Readonly<Record<string, unknown>>>>

async function counters(pair: Pair): Promise<Counts> {
  // The main loop that answers is the one that is blocked, and there are others for the core.
  const [master, backup] = await Promise.all([pair.master.status(20_000), pair.backup.status(20_000)])
  const counts = (status: Status) => ({ ...status.vrrp[0]?.counters, loop: status.process.event_loop_delay_max_ms })
  return { master: counts(master), backup: counts(backup) }
}

function change(before: Counts, after: Counts, who: string, name: string): number {
  return Number(after[who]?.[name] ?? 0) - Number(before[who]?.[name] ?? 0)
}

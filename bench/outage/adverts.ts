import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import type { Child } from '../../test/lab/child.js'
import { Lab, vip, vipPort } from '../../test/lab/lab.js'
import { ensurePackages } from '../../test/lab/packages.js'
import { socketOf, Vipd } from '../../test/lab/vipd.js'
import { pause } from '../../test/lab/wait.js'
import { decodeLoad, loadArgv } from '../load.js'
import type { Effort, Figure, Measured, OpenScenario, Scenario } from '../model.js'
import { program } from '../native.js'
import { regularity, timesOf } from './gaps.js'

/** How regular a master's adverts are at 10 ms, as a neighbour's kernel sees them. */

const INTERVAL_MS = 10
const METRICS_PORT = 8404

const figures: readonly Figure[] = [
  { key: 'jitter_p50_ms', title: 'off by: half of them at most', unit: 'ms', better: 'lower' },
  { key: 'jitter_p999_ms', title: '99.9 %', unit: 'ms', better: 'lower' },
  { key: 'jitter_max_ms', title: 'all of them', unit: 'ms', better: 'lower' },
  { key: 'missed_adverts', title: 'missed', unit: '', better: 'lower' },
  { key: 'control_p999_ms', title: 'control, 99.9 %', unit: 'ms', better: 'neither' },
  { key: 'control_max_ms', title: 'control, all', unit: 'ms', better: 'neither' },
  { key: 'control_missed', title: 'control, missed', unit: '', better: 'neither' },
  { key: 'adverts', title: 'adverts', unit: '', better: 'neither' },
  { key: 'rate', title: 'requests/s meanwhile', unit: '/s', better: 'neither' },
  { key: 'scrapes', title: 'pages of /metrics meanwhile', unit: '', better: 'neither' },
  { key: 'loop_delay_max_ms', title: 'main loop’s longest delay', unit: 'ms', better: 'lower' }
]

const said =
  'a VRRP version 3 master with adverts each 10 ms, captured in a neighbour with the kernel’s own times. The control is a real-time thread that wakes each 10 ms at the same time and does nothing else: what it suffers is the machine’s'

export const advertScenarios: readonly Scenario[] = [
  scenario('adverts-idle', 'Adverts at 10 ms, nothing else to do', `For five minutes: ${said}.`, false),
  scenario(
    'adverts-load',
    'Adverts at 10 ms under full load',
    `While 64 connections ask through the VIP as fast as they can and /metrics is scraped ten times a second, for five minutes: ${said}.`,
    true
  )
]

function scenario(name: string, title: string, what: string, isLoaded: boolean): Scenario {
  return { name, title, what, figures, targets: ['vipd'], rounds: () => 1, open: (effort) => open(effort, isLoaded) }
}

async function open(effort: Effort, isLoaded: boolean): Promise<OpenScenario> {
  const ensured = ensurePackages(['iproute2', 'tcpdump'])
  if (!ensured.ok) throw new Error(ensured.reason)
  const lab = new Lab()
  const [m1] = lab.masters
  const configuration = configurationOf(lab)
  return {
    configurations: { vipd: configuration },
    close: () => lab.close(),
    measure: async () => {
      const vipd = await lab.ending(new Vipd(lab, m1, configuration)).start()
      await vipd.untilHeld(10_000)
      // Becoming master is not what is measured.
      await pause(2000)
      const seconds = effort.isQuick ? 10 : Math.max(300, effort.seconds)
      return measure(lab, vipd, isLoaded, seconds)
    }
  }
}

async function measure(lab: Lab, vipd: Vipd, isLoaded: boolean, seconds: number): Promise<Measured> {
  const [m1, m2, m3] = lab.masters
  const file = join(lab.folder, 'adverts.pcap')
  const filter = `ip proto 112 and src host ${m1.address}`
  const nano = ['--time-stamp-precision=nano', '-Z', 'root', '-s', '64', '-B', '4096', '-w', file]
  const tcpdump = lab.start(m2, ['tcpdump', '-i', 'bond0', '-n', ...nano, filter])
  await tcpdump.line(/listening on/, 5000)
  let load: { readonly client: Child; readonly scraper: Child } | undefined
  if (isLoaded) {
    const serve = [program('serve'), '--listen', `${m3.address}:6443`, '--threads', '1']
    await lab.start(m3, serve).line(/listening/, 5000)
    await vipd.untilServer('m3', 'UP', 10_000)
    const work = { mode: 'requests', connections: 64, bytes: 100 } as const
    const argv = loadArgv(work, { to: [`${vip}:${vipPort}`], threads: 1, seconds, warmS: 0 })
    const scrape = [
      fileURLToPath(new URL('scraper.js', import.meta.url)),
      `http://127.0.0.1:${METRICS_PORT}/metrics`,
      '100'
    ]
    load = { client: lab.start(lab.client, argv), scraper: lab.start(m1, [process.execPath, ...scrape], { keep: 5 }) }
  }
  const control = lab.start(m3, [program('tick'), String(INTERVAL_MS), String(seconds)])
  await pause(seconds * 1000)
  await tcpdump.stop('SIGINT', 3000)
  const ticked = tick.parse(JSON.parse(await control.line(/^\{/, 10_000)))
  const status = await vipd.status()
  const { adverts, p50Ms, p999Ms, maxMs, missed } = regularity(timesOf(readFileSync(file)), INTERVAL_MS)
  if (adverts < (seconds * 1000) / INTERVAL_MS / 2) return { ok: false, problem: `${adverts} adverts in ${seconds} s` }
  const own = { jitter_p50_ms: p50Ms, jitter_p999_ms: p999Ms, jitter_max_ms: maxMs, missed_adverts: missed, adverts }
  const delay = {
    loop_delay_max_ms: status.process.event_loop_delay_max_ms,
    control_p999_ms: ticked.p999_ms,
    control_max_ms: ticked.max_ms,
    control_missed: ticked.missed
  }
  if (load === undefined) return { ok: true, figures: { ...own, ...delay } }
  const outcome = decodeLoad(await load.client.line(/^\{/, 10_000))
  if (!outcome.ok) return { ok: false, problem: outcome.problem }
  const scrapes = Number(/pages (\d+)/.exec(load.scraper.tail(1))?.[1] ?? 0)
  return { ok: true, figures: { ...own, ...delay, rate: outcome.rate, scrapes } }
}

const tick = z.object({ p999_ms: z.number(), max_ms: z.number(), missed: z.number() })

function configurationOf(lab: Lab): string {
  const [m1, , m3] = lab.masters
  const instance = {
    name: 'VI_1',
    interface: 'bond0',
    virtual_router_id: 88,
    version: 3,
    priority: 254,
    advert_int: `${INTERVAL_MS}ms`,
    virtual_ipaddress: [vip]
  }
  const service = {
    name: 'service',
    bind: [`${vip}:${vipPort}`],
    default_server: { check: { type: 'tcp', inter: 1000, rise: 1, fall: 3 } },
    servers: [{ name: 'm3', address: `${m3.address}:6443` }]
  }
  const admin = { socket: socketOf(lab, m1), listen: `127.0.0.1:${METRICS_PORT}` }
  return JSON.stringify({ admin, vrrp: [instance], proxy: [service] }, null, 2)
}

import { setTimeout as pause } from 'node:timers/promises'
import { memory } from '../accounting.js'
import { decodeLoad } from '../load.js'
import type { Measured, OpenScenario, Scenario } from '../model.js'
import { problemOf, Stand } from '../stand.js'
import { proxies } from '../targets/all.js'
import { memoryFigures } from './figures.js'

const SESSIONS = 4000
/** Until what a start or a connection has stirred up in the process is over. */
const SETTLE_MS = 1500
const targets = proxies.map((one) => one.name)

/** What a session that does nothing costs the proxy. Each round has a fresh process: pools and heaps keep what they once had. */
export const memoryScenario: Scenario = {
  name: 'memory-idle-4000',
  title: 'Memory of an idle session',
  what: `A fresh process serves some requests; then 4,000 connections are opened, each asks once and stays. The growth of the resident memory of all its processes, for each session. The kernel's own (two sockets) is not in it.`,
  figures: memoryFigures,
  targets,
  open
}

async function open(): Promise<OpenScenario> {
  const stand = await Stand.open({ targets, threads: 2 })
  return {
    configurations: stand.configurations,
    absent: stand.absent,
    close: () => stand.close(),
    measure: (target) => measure(stand, target)
  }
}

async function measure(stand: Stand, target: string): Promise<Measured> {
  const gone = stand.absent[target]
  if (gone !== undefined) return problemOf(gone)
  await stand.restart(target)
  const warm = await stand.load(target, { mode: 'requests', connections: 64, bytes: 100 }, 0.5, 0)
  if ('problem' in warm) return problemOf(warm.problem)
  await pause(SETTLE_MS)
  const before = memory(stand.pidsOf(target))
  const holder = stand.ground.start('client', stand.argvOf(target, { mode: 'idle', connections: SESSIONS }, 30, 0))
  try {
    const said = decodeLoad(await holder.line(/^\{/, 40_000))
    if (!said.ok) return problemOf(said.problem)
    if (said.open !== SESSIONS) return problemOf(`${said.open} of ${SESSIONS} sessions were opened`)
    await pause(SETTLE_MS)
    const after = memory(stand.pidsOf(target))
    return {
      ok: true,
      figures: {
        bytes_per_session: (after.rssBytes - before.rssBytes) / SESSIONS,
        pss_per_session: (after.pssBytes - before.pssBytes) / SESSIONS,
        rss_idle_mib: before.rssBytes / 2 ** 20,
        sessions: said.open
      }
    }
  } finally {
    await holder.stop('SIGKILL')
  }
}

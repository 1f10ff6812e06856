import { readFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { systemClock } from '../base/clock.js'
import { messageOf } from '../base/errors.js'
import { createLog } from '../base/log.js'
import { addon } from '../os/addon.js'
import { run } from '../os/exec.js'
import { FdStore } from '../os/fd-store.js'
import { SUCCESSOR_FD } from '../os/successor.js'
import { Syslog } from '../os/syslog.js'
import { inheritedSockets, Systemd } from '../os/systemd.js'
import { Daemon, type DaemonSettings } from './daemon.js'
import { ESTATE, isRestarting, SOCKETS } from './keeping.js'
import { restore } from './kept.js'
import { markFolder, removeMark } from './mark.js'
import { Taking } from './taking.js'

/** A reader of the log that hangs does not keep the process. */
const LAST_WORDS_MS = 1000
const EMPTY_MS = 1000

/**
 * The whole life of the process: start, signals, end. SIGTERM and SIGINT stop it; a second one ends the
 * wait for another node, and where there is none the process at once. SIGHUP looks at
 * the file again. Throws a VipdError when it cannot start; otherwise the process ends by itself.
 * @param takesOver from the process that started this one, and is at the other end of descriptor 3
 */
export async function serve(settings: Omit<DaemonSettings, 'legacy'>, takesOver = false): Promise<void> {
  const native = addon()
  const taking = takesOver ? new Taking(native, systemClock, SUCCESSOR_FD) : undefined
  const [host = ''] = hostname().split('.')
  const sender = { addon: native, clock: systemClock, hostname: host, pid: process.pid }
  const syslog = settings.config.syslog.map(
    (one) => new Syslog(one, { ...sender, onTrouble: (facts) => log.warn(facts, 'syslog takes no messages') })
  )
  const log = createLog(settings.config.logLevel, syslog)
  const systemd = new Systemd(native, process.env)
  const store = new FdStore(native, systemClock, process.env)
  const restored = restore(inheritedSockets(process.env, process.pid), native, systemClock.now())
  if (restored.kind === 'useless') log.warn({ error: restored.why }, 'what was kept over the restart is of no use')
  // Whatever it was: while it is in the store too, nothing that we close is closed.
  if (restored.kind !== 'nothing') await emptied(store)
  // No child of ours reports to the service manager in our name.
  delete process.env['NOTIFY_SOCKET']
  const legacy = restored.kind === 'legacy' ? restored.legacy : await taking?.receive(settings.version)
  const daemon = new Daemon({ ...settings, legacy }, { addon: native, clock: systemClock, log, systemd, syslog })
  await taking?.untilGo()
  let isStopping = false
  const stop = async (signal: string): Promise<void> => {
    if (isStopping) {
      if (daemon.hasten()) return
      process.exit(1)
    }
    isStopping = true
    if (!(await isToComeBack(store)) || !(await daemon.keep(store))) await daemon.stop(signal)
    systemClock.after(LAST_WORDS_MS, () => process.exit(0))
    await log.settled()
    process.exit(0)
  }
  process.on('SIGTERM', () => void stop('SIGTERM'))
  process.on('SIGINT', () => void stop('SIGINT'))
  process.on('SIGHUP', () => {
    daemon.reload().then(
      (verdict) => log.info(verdict, 'reload'),
      (error: unknown) => log.error({ error: messageOf(error) }, 'reload failed')
    )
  })
  process.on('uncaughtException', (error) => {
    log.fatal({ err: error }, 'bug: vipd ends')
    log.flush()
    process.exit(1)
  })
  blockOnPurpose(process.env['VIPD_TEST_BLOCK'])
  try {
    await daemon.start()
    await removeMark(markFolder(process.env, settings.config.admin.socket))
  } catch (error) {
    await daemon.stop('could not start')
    throw error
  }
}

/** The service manager stops us to start us again, and keeps for that what it is given. */
async function isToComeBack({ capacity }: FdStore): Promise<boolean> {
  if (capacity === 0) return false
  const cgroup = await readFile('/proc/self/cgroup', 'utf8').catch(() => '')
  return await isRestarting(cgroup, run)
}

async function emptied(store: FdStore): Promise<void> {
  const until = systemClock.now() + EMPTY_MS
  for (const name of [SOCKETS, ESTATE]) await store.remove(name, until).catch(() => undefined)
}

/** For tests alone: `300/2000` holds the main loop for 300 ms every 2 s, as a garbage collection of a large heap would. */
function blockOnPurpose(setting: string | undefined): void {
  const [holdMs = 0, periodMs = 0] = (setting ?? '').split('/').map(Number)
  if (!(holdMs > 0 && periodMs > holdMs)) return
  systemClock.every(periodMs, () => {
    const until = systemClock.now() + holdMs
    while (systemClock.now() < until);
  })
}

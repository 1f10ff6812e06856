import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Child } from './child.js'
import type { Lab, LabNode } from './lab.js'
import { poll } from './wait.js'

export interface KeepalivedOptions {
  readonly priority: number
  readonly password?: string
  /** Seconds. */
  readonly advertInt?: number
  readonly nopreempt?: boolean
  readonly state?: 'MASTER' | 'BACKUP'
  readonly virtualRouterId?: number
}

/** keepalived as Debian packs it: a parent, and a child that speaks VRRP. */
export class Keepalived {
  readonly child: Child
  readonly #vrrpPidFile: string
  readonly #configFile: string
  readonly #isQuiet: boolean

  /** @param how quiet: it logs nothing to us, as many instances would say more than is read; `started` then means that it runs */
  constructor(lab: Lab, node: LabNode, configuration: string, how: { readonly quiet?: boolean } = {}) {
    const file = (suffix: string): string => join(lab.folder, `keepalived-${node.name}.${suffix}`)
    writeFileSync(file('conf'), configuration, { mode: 0o600 })
    this.#configFile = file('conf')
    this.#vrrpPidFile = file('vrrp.pid')
    this.#isQuiet = how.quiet ?? false
    const log = this.#isQuiet ? [] : ['-l', '-D']
    const argv = ['keepalived', '-n', ...log, '-P', '-f', file('conf'), '-p', file('pid'), '-r', this.#vrrpPidFile]
    this.child = new Child(['ip', 'netns', 'exec', node.namespace, ...argv], { logFile: file('log') })
  }

  /** Resolves when it waits for adverts. */
  async started(deadlineMs = 5000): Promise<void> {
    if (this.#isQuiet)
      return poll(() => existsSync(this.#vrrpPidFile) || undefined, deadlineMs, 'keepalived running').then(
        () => undefined
      )
    await this.child.line(/Entering (BACKUP|MASTER) STATE/, deadlineMs)
  }

  /** To the parent and to the child that speaks VRRP. For SIGKILL see `killAtOnce`. */
  signalBoth(signal: 'SIGSTOP' | 'SIGCONT' | 'SIGTERM'): void {
    const vrrp = Number(readFileSync(this.#vrrpPidFile, 'utf8'))
    this.child.signal(signal)
    try {
      process.kill(vrrp, signal)
    } catch {
      // The parent's end took it along.
    }
  }

  /**
   * SIGKILL to both as if in one moment. A child whose parent dies first may still say priority 0 (it is sent SIGTERM
   * then); a parent whose child dies first starts another: so the parent is stopped meanwhile.
   */
  killAtOnce(): void {
    this.child.signal('SIGSTOP')
    process.kill(Number(readFileSync(this.#vrrpPidFile, 'utf8')), 'SIGKILL')
    this.child.signal('SIGKILL')
  }

  /** SIGKILL to both; resolves when neither is there any more and another one may be started in their place. */
  async kill(deadlineMs = 5000): Promise<void> {
    const vrrp = Number(readFileSync(this.#vrrpPidFile, 'utf8'))
    this.killAtOnce()
    await this.child.exited
    await poll(() => !existsSync(`/proc/${vrrp}`), deadlineMs, `the end of keepalived's process ${vrrp}`)
    // While one of these files names a living process, keepalived refuses to start.
    rmSync(this.#vrrpPidFile, { force: true })
  }

  /** Another configuration, read at once: SIGHUP. */
  reload(configuration: string): void {
    writeFileSync(this.#configFile, configuration, { mode: 0o600 })
    this.child.signal('SIGHUP')
  }

  async stop(): Promise<void> {
    await this.child.stop('SIGTERM', 3000)
  }
}

/** A keepalived.conf as the seed's, for one VIP. */
export function keepalivedConf(vip: string, options: KeepalivedOptions): string {
  return `global_defs {
router_id LVS_1
}
vrrp_instance VI_1 {
state ${options.state ?? 'BACKUP'}
interface bond0
virtual_router_id ${options.virtualRouterId ?? 88}
advert_int ${options.advertInt ?? 1}
priority ${options.priority}
${options.nopreempt ? 'nopreempt' : ''}
authentication {
auth_type PASS
auth_pass ${options.password ?? '1111'}
}
virtual_ipaddress {
${vip}
}
}
`
}

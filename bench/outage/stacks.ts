import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Child } from '../../test/lab/child.js'
import { Keepalived } from '../../test/lab/keepalived.js'
import type { Lab, LabNode } from '../../test/lab/lab.js'
import { socketOf, Vipd } from '../../test/lab/vipd.js'
import { withSocket } from '../demo/config.js'

/** What serves the VIP on a master: vipd, or the pair that it replaces, on the seed's configuration. */
export interface Stack {
  start(): Promise<void>
  /** To all of it. SIGKILL and SIGTERM end it; resolves when it has the signal. */
  signal(signal: 'SIGKILL' | 'SIGTERM' | 'SIGSTOP' | 'SIGCONT'): void
  /** Kills the part that proxies, with SIGKILL. */
  killProxy(): void
  /** Ends what is left. */
  stop(): Promise<void>
}

const seed = fileURLToPath(new URL('../../../bench/demo/seed/', import.meta.url))

export type Role = 'master' | 'backup'

export class VipdStack implements Stack {
  readonly configuration: string
  readonly #vipd: Vipd

  /** @param configuration as `vipd import` made it of the seed */
  constructor(lab: Lab, node: LabNode, configuration: string) {
    this.configuration = configuration
    this.#vipd = lab.ending(new Vipd(lab, node, withSocket(configuration, socketOf(lab, node))))
  }

  async start(): Promise<void> {
    await this.#vipd.start()
  }

  signal(signal: 'SIGKILL' | 'SIGTERM' | 'SIGSTOP' | 'SIGCONT'): void {
    this.#vipd.child.signal(signal)
  }

  /** The proxy is a part of the daemon: there is nothing else to kill. */
  killProxy(): void {
    this.signal('SIGKILL')
  }

  async stop(): Promise<void> {
    await this.#vipd.stop('SIGKILL')
  }
}

/** It looks every 2 s, as the examples have it. @returns its `vrrp_script` */
function scriptOf(lab: Lab): string {
  const file = join(lab.folder, 'haproxy-alive.sh')
  writeFileSync(file, '#!/bin/sh\nss -Hltn "sport = :8443" | grep -q .\n', { mode: 0o755 })
  return `vrrp_script haproxy {\nscript "${file}"\ninterval 2\nweight -20\nuser root\n}\n`
}

/** Lines of the seed's haproxy.cfg that are about how it runs, not about what it does; Debian's 2.6 refuses `nbproc`. */
const RUNNING = /^\s*(chroot|daemon|group|user|pidfile|nbproc|log)\b.*$/gm

export class PairStack implements Stack {
  readonly configuration: string
  readonly #lab: Lab
  readonly #node: LabNode
  readonly #keepalivedConf: string
  readonly #haproxyFile: string
  #keepalived: Keepalived | undefined
  #haproxy: Child | undefined

  /** @param how scripted: with what keepalived's documentation has for a proxy that dies, a script that looks for it */
  constructor(lab: Lab, node: LabNode, role: Role, how: { readonly isScripted: boolean }) {
    this.#lab = lab
    this.#node = node
    const [script, track] = how.isScripted ? [scriptOf(lab), 'track_script {\nhaproxy\n}\n'] : ['', '']
    this.#keepalivedConf = readFileSync(join(seed, `keepalived-${role}.conf`), 'utf8')
      .replace('vrrp_instance', `${script}vrrp_instance`)
      .replace('virtual_ipaddress {', `${track}virtual_ipaddress {`)
    const haproxyConf = readFileSync(join(seed, 'haproxy.cfg'), 'utf8')
      .replace(RUNNING, '')
      .replace('maxconn 20000', 'maxconn 8000')
    this.#haproxyFile = join(lab.folder, `haproxy-${node.name}.cfg`)
    writeFileSync(this.#haproxyFile, haproxyConf)
    this.configuration = `${this.#keepalivedConf}\n# haproxy.cfg\n${haproxyConf}`
  }

  async start(): Promise<void> {
    // A backup has not the VIP and has to listen on it: what users of the pair set.
    await this.#lab.run(this.#node, ['sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_nonlocal_bind'])
    await this.#startHaproxy()
    this.#keepalived = this.#lab.ending(new Keepalived(this.#lab, this.#node, this.#keepalivedConf))
    await this.#keepalived.started()
  }

  signal(signal: 'SIGKILL' | 'SIGTERM' | 'SIGSTOP' | 'SIGCONT'): void {
    if (signal === 'SIGKILL') this.#keepalived?.killAtOnce()
    else this.#keepalived?.signalBoth(signal)
    this.#haproxy?.signal(signal)
  }

  killProxy(): void {
    this.#haproxy?.signal('SIGKILL')
  }

  async stop(): Promise<void> {
    if (this.#keepalived?.child.exit === undefined) await this.#keepalived?.kill()
    await this.#haproxy?.stop('SIGKILL')
    // What a killed keepalived leaves behind: the operator's job, or the next keepalived's.
    await this.#lab.run(this.#node, ['sh', '-c', 'ip address del 10.32.255.99/32 dev bond0 2>/dev/null; true'])
  }

  async #startHaproxy(): Promise<void> {
    this.#haproxy = this.#lab.start(this.#node, ['haproxy', '-db', '-f', this.#haproxyFile])
    const listens = [
      'sh',
      '-c',
      'for i in $(seq 100); do ss -Hltn "sport = :8443" | grep -q . && exit 0; sleep 0.05; done; exit 1'
    ]
    await this.#lab.run(this.#node, listens)
  }
}

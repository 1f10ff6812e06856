import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Child } from '../lab/child.js'
import { Keepalived } from '../lab/keepalived.js'
import { type Lab, type LabNode, vip, vipPort } from '../lab/lab.js'
import { poll } from '../lab/wait.js'
import { type Subject, signalAll } from './subject.js'
import { ECHO_PORT } from './vipd.js'

/** keepalived.conf as for vipd, and what keepalived's documentation has for a proxy that may die: a script that looks for it. */
const keepalivedConf = (priority: number, script: string): string => `global_defs {
router_id LVS_1
script_user root
}
vrrp_script haproxy {
script "${script}"
interval 2
weight -30
}
vrrp_instance VI_1 {
state BACKUP
interface bond0
virtual_router_id 88
advert_int 1
priority ${priority}
authentication {
auth_type PASS
auth_pass 1111
}
virtual_ipaddress {
${vip}
}
track_script {
haproxy
}
}
`

const haproxyCfg = (lab: Lab): string => `global
  maxconn 2000
defaults
  mode tcp
  retries 3
  option redispatch
  timeout connect 1s
  timeout client 1h
  timeout server 1h
listen service
  bind ${vip}:${vipPort}
  balance roundrobin
  default-server check inter 300 rise 1 fall 2
${lab.masters.map((one) => `  server ${one.name} ${one.address}:${ECHO_PORT}`).join('\n')}
`

/** keepalived and haproxy (master and worker) on a master, both started again when they are gone, as by their units. */
export class PairSubject implements Subject {
  readonly node: LabNode
  readonly #lab: Lab
  readonly #keepalivedConf: string
  readonly #haproxyCfg: string
  #keepalived: Keepalived | undefined
  #haproxy: Child | undefined

  constructor(lab: Lab, node: LabNode, priority: number) {
    this.#lab = lab
    this.node = node
    const script = join(lab.folder, `alive-${node.name}.sh`)
    this.#haproxyCfg = join(lab.folder, `haproxy-${node.name}.cfg`)
    writeFileSync(script, `#!/bin/sh\nexec pgrep -f ${this.#haproxyCfg} >/dev/null\n`)
    chmodSync(script, 0o755)
    writeFileSync(this.#haproxyCfg, haproxyCfg(lab))
    this.#keepalivedConf = keepalivedConf(priority, script)
  }

  async start(): Promise<void> {
    // Each node must be able to listen on an address that it does not have.
    await this.#lab.run(this.node, ['sysctl', '-qw', 'net.ipv4.ip_nonlocal_bind=1'])
    if (this.#haproxy === undefined || this.#haproxy.exit !== undefined) {
      this.#haproxy = new Child(['ip', 'netns', 'exec', this.node.namespace, 'haproxy', '-W', '-f', this.#haproxyCfg])
      await poll(() => this.#workers().length > 0, 10_000, `haproxy on ${this.node.name}`)
    }
    if (this.#keepalived === undefined || this.#keepalived.child.exit !== undefined) {
      const left = this.#vrrpPid()
      if (left !== undefined) {
        signalAll([left], 'SIGKILL')
        await poll(() => !existsSync(`/proc/${left}`), 5000, `the end of keepalived's process ${left}`)
      }
      rmSync(this.#vrrpFile, { force: true })
      this.#keepalived = new Keepalived(this.#lab, this.node, this.#keepalivedConf)
      await this.#keepalived.started(10_000)
    }
  }

  /** Children before their parents: a keepalived whose parent dies first says priority 0 yet. */
  pids(): number[] {
    const parents = [this.#keepalived?.child, this.#haproxy].flatMap((one) =>
      one === undefined || one.exit !== undefined ? [] : [one.pid]
    )
    const vrrp = this.#vrrpPid()
    return [...(vrrp === undefined ? [] : [vrrp]), ...this.#workers(), ...parents]
  }

  async reload(): Promise<void> {
    this.#keepalived?.child.signal('SIGHUP')
    this.#haproxy?.signal('SIGUSR2')
  }

  async sessions(): Promise<number> {
    const open = await this.#lab.run(this.node, ['ss', '-Htn', 'state', 'established', 'sport', '=', `:${vipPort}`])
    return open.split('\n').filter(Boolean).length
  }

  async stop(): Promise<void> {
    signalAll(this.pids(), 'SIGCONT')
    signalAll(this.pids(), 'SIGKILL')
    await Promise.all([this.#keepalived?.child.exited, this.#haproxy?.exited])
  }

  get #vrrpFile(): string {
    return join(this.#lab.folder, `keepalived-${this.node.name}.vrrp.pid`)
  }

  #vrrpPid(): number | undefined {
    try {
      const pid = Number(readFileSync(this.#vrrpFile, 'utf8'))
      return existsSync(`/proc/${pid}`) ? pid : undefined
    } catch {
      return undefined
    }
  }

  #workers(): number[] {
    const master = this.#haproxy
    if (master === undefined || master.exit !== undefined) return []
    try {
      const text = readFileSync(`/proc/${master.pid}/task/${master.pid}/children`, 'utf8')
      return text.split(' ').filter(Boolean).map(Number)
    } catch {
      return []
    }
  }
}

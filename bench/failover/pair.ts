import { fileURLToPath } from 'node:url'
import { Client } from '../../test/lab/client.js'
import { Judge } from '../../test/lab/judge.js'
import { Lab, type LabNode, vip, vipPort } from '../../test/lab/lab.js'
import { socketOf, Vipd } from '../../test/lab/vipd.js'

export interface PairOptions {
  readonly advertMs: number
  /** Of the master and of its successor. */
  readonly priorities: readonly [number, number]
  /** Environment of both daemons. */
  readonly env?: NodeJS.ProcessEnv
  /** Between two questions of the judge. @default 1 */
  readonly judgeMs?: number
}

/** Two vipd with VRRP version 3 and a proxy before a server on a third node, their judge, and a client when one is wanted. */
export class Pair {
  readonly lab = new Lab()
  readonly master: Vipd
  readonly backup: Vipd
  readonly judge: Judge
  readonly #advertMs: number

  constructor(options: PairOptions) {
    const [m1, m2, m3] = this.lab.masters
    const [high, low] = options.priorities
    this.#advertMs = options.advertMs
    const make = (node: LabNode, priority: number): Vipd =>
      this.lab.ending(new Vipd(this.lab, node, configText(this.lab, node, priority, options.advertMs), options.env))
    this.master = make(m1, high)
    this.backup = make(m2, low)
    this.judge = this.lab.ending(new Judge(this.lab, [vip], options.judgeMs ?? 1, m3))
  }

  /** Starts everything; resolves when the first is master and has been for a while. */
  async start(): Promise<void> {
    const [, , m3] = this.lab.masters
    const server = this.lab.start(m3, [process.execPath, asker, 'serve', m3.name, m3.address, '6443'])
    await Promise.all([server.line(/listening/, 5000), this.judge.started()])
    await this.master.start()
    await this.backup.start()
    await this.settled()
  }

  /** Waits until the first is master. */
  async settled(): Promise<void> {
    await this.judge.settled(this.master.node.name, Math.max(300, 4 * this.#advertMs), 40_000)
  }

  /** A client that asks for something through the VIP all the time. */
  startClient(everyMs: number): Client {
    const ask = [process.execPath, asker, 'ask', vip, String(vipPort), String(everyMs), '1000']
    return this.lab.ending(new Client(['ip', 'netns', 'exec', this.lab.client.namespace, ...ask]))
  }

  async close(): Promise<void> {
    await this.lab.close()
  }
}

const asker = fileURLToPath(new URL('asker.js', import.meta.url))

function configText(lab: Lab, node: LabNode, priority: number, advertMs: number): string {
  const [, , m3] = lab.masters
  const service = {
    name: 'service',
    bind: [`${vip}:${vipPort}`],
    default_server: { check: { type: 'tcp', inter: 500, rise: 1, fall: 3 } },
    servers: [{ name: 'm3', address: `${m3.address}:6443` }]
  }
  const instance = {
    name: 'VI_1',
    interface: 'bond0',
    virtual_router_id: 88,
    version: 3,
    priority,
    advert_int: `${advertMs}ms`,
    virtual_ipaddress: [vip]
  }
  const config = { admin: { socket: socketOf(lab, node) }, nbthread: 1, vrrp: [instance], proxy: [service] }
  return JSON.stringify(config, null, 2)
}

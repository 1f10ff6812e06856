import { type Lab, type LabNode, vip, vipPort } from './lab.js'
import { socketOf } from './vipd.js'

export interface SeedOptions {
  readonly priority: number
  readonly preempt?: boolean
  readonly password?: string
  /** Seconds. */
  readonly advertInt?: number
  /** Milliseconds between health checks; the seed's 5 s would make tests long. @default 500 */
  readonly inter?: number
  readonly fall?: number
  /** Without a proxy: VRRP alone. */
  readonly withoutProxy?: boolean
}

/** The seed's deployment as vipd's configuration for one node, with what a test changes. JSON is YAML. */
export function seedConfig(lab: Lab, node: LabNode, options: SeedOptions): string {
  const servers = lab.masters.map((one, index) => ({ name: `apiserver0${index + 1}`, address: `${one.address}:6443` }))
  const service = {
    name: 'https-apiserver',
    bind: [`${vip}:${vipPort}`],
    balance: 'roundrobin',
    retries: 3,
    redispatch: true,
    maxconn: 20_000,
    timeout: { connect: '15s', server: '900s' },
    default_server: {
      check: { type: 'tcp', inter: options.inter ?? 500, rise: 2, fall: options.fall ?? 3, spread: '3%' }
    },
    servers
  }
  const instance = { ...seedInstance(options), preempt: options.preempt ?? true }
  const config = {
    admin: { socket: socketOf(lab, node) },
    vrrp: [instance],
    proxy: options.withoutProxy ? [] : [service]
  }
  return JSON.stringify(config, null, 2)
}

/** The seed's VRRP instance. */
export const seedInstance = (options: Pick<SeedOptions, 'priority' | 'advertInt' | 'password'>) => ({
  name: 'VI_1',
  interface: 'bond0',
  virtual_router_id: 88,
  priority: options.priority,
  advert_int: options.advertInt ?? 1,
  authentication: { auth_type: 'PASS', auth_pass: options.password ?? '1111' },
  virtual_ipaddress: [vip]
})

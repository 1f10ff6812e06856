import { type Lab, type LabNode, vip } from '../lab/lab.js'
import { socketOf } from '../lab/vipd.js'

/** How the two speak: one row of the matrix, and the configurations that say so on either side. */

export interface Mode {
  readonly name: string
  readonly title: string
  readonly version: 2 | 3
  readonly advertMs: number
  readonly password?: string
  readonly unicast?: boolean
  /** Each is a VRRP instance; more than one are a sync group. */
  readonly instances: readonly Instance[]
}

interface Instance {
  readonly name: string
  readonly interface: 'bond0' | 'bond1'
  readonly vips: readonly string[]
}

/** What a node is to be, within a mode. */
export interface NodeSettings {
  readonly priority: number
  /** One more virtual address than the other node has. */
  readonly extraVip?: boolean
}

export const virtualRouterId = 88
/** Advertised beside the others where the lists are to differ. */
const extraVips = { 4: '10.32.255.98', 6: 'fd00::98' } as const

const v4: Instance = { name: 'VI_4', interface: 'bond0', vips: [vip] }
const v6: Instance = { name: 'VI_6', interface: 'bond0', vips: ['fe80::88:1', 'fd00::99'] }

export const modes: readonly Mode[] = [
  { name: 'v2-none', title: 'v2 none', version: 2, advertMs: 1000, instances: [v4] },
  { name: 'v2-pass', title: 'v2 PASS', version: 2, advertMs: 1000, password: '1111', instances: [v4] },
  { name: 'v3-multicast', title: 'v3 multicast', version: 3, advertMs: 1000, instances: [v4] },
  { name: 'v3-unicast', title: 'v3 unicast', version: 3, advertMs: 1000, unicast: true, instances: [v4] },
  { name: 'v3-ipv6', title: 'v3 IPv6', version: 3, advertMs: 1000, instances: [v6] },
  {
    name: 'sync-group',
    title: 'sync group',
    version: 3,
    advertMs: 1000,
    // Each on a link of its own, so that what hits the one is not what hits the other.
    instances: [v4, { ...v6, interface: 'bond1' }]
  },
  // Not of the list, and run only when asked for: the same at 0.2 s.
  { name: 'v3-fast', title: 'v3 multicast 0.2 s', version: 3, advertMs: 200, instances: [v4] }
]

/** The modes of a run that names none. */
export const usualModes = modes.filter((mode) => mode.name !== 'v3-fast')

/** Every address whose owner is judged. */
export const vipsOf = (mode: Mode): string[] => mode.instances.flatMap((instance) => instance.vips)

const familyOf = (instance: Instance): 4 | 6 => (instance.vips[0]?.includes(':') ? 6 : 4)

const advertised = (instance: Instance, settings: NodeSettings): string[] =>
  settings.extraVip ? [...instance.vips, extraVips[familyOf(instance)]] : [...instance.vips]

/** keepalived.conf of a node. */
export function keepalivedText(mode: Mode, node: LabNode, peer: LabNode, settings: NodeSettings): string {
  const instances = mode.instances.map((instance) => {
    const lines = [
      'state BACKUP',
      `interface ${instance.interface}`,
      `virtual_router_id ${virtualRouterId}`,
      `version ${mode.version}`,
      `advert_int ${mode.advertMs / 1000}`,
      `priority ${settings.priority}`,
      ...(mode.unicast ? [`unicast_src_ip ${node.address}`, `unicast_peer {\n${peer.address}\n}`] : []),
      ...(mode.password === undefined ? [] : [`authentication {\nauth_type PASS\nauth_pass ${mode.password}\n}`]),
      `virtual_ipaddress {\n${advertised(instance, settings).join('\n')}\n}`
    ]
    return `vrrp_instance ${instance.name} {\n${lines.join('\n')}\n}`
  })
  const members = mode.instances.map((instance) => instance.name)
  const group = members.length > 1 ? [`vrrp_sync_group VG {\ngroup {\n${members.join('\n')}\n}\n}`] : []
  // Without dynamic_interfaces keepalived does not find an interface again that was deleted.
  return ['global_defs {\nrouter_id LVS_1\ndynamic_interfaces\n}', ...group, ...instances, ''].join('\n')
}

/** vipd's configuration of a node. JSON is YAML. */
export function vipdText(mode: Mode, lab: Lab, node: LabNode, peer: LabNode, settings: NodeSettings): string {
  const vrrp = mode.instances.map((instance) => ({
    name: instance.name,
    interface: instance.interface,
    virtual_router_id: virtualRouterId,
    version: mode.version,
    advert_int: mode.advertMs / 1000,
    priority: settings.priority,
    ...(mode.unicast && { unicast_src_ip: node.address, unicast_peer: [peer.address] }),
    ...(mode.password !== undefined && { authentication: { auth_type: 'PASS', auth_pass: mode.password } }),
    virtual_ipaddress: advertised(instance, settings)
  }))
  const members = mode.instances.map((instance) => instance.name)
  const groups = members.length > 1 ? { vrrp_sync_group: [{ name: 'VG', group: members }] } : {}
  return JSON.stringify({ admin: { socket: socketOf(lab, node) }, ...groups, vrrp }, null, 2)
}

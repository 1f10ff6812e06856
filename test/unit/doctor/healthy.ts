import type { Facts, LinkFacts } from '../../../src/doctor/facts.js'
import { configOf } from '../../fakes/fake-node.js'

/** A master as it should be: no check finds anything. Tests make one thing worse each. */

const VRRP = '{ name: VI_1, interface: eth0, virtual_router_id: 88, virtual_ipaddress: [ 10.0.0.99 ] }'
const CHECK = 'default_server: { check: { type: https, uri: /readyz, ca_file: /ca.crt } }'
const SERVERS =
  'servers: [ { name: a, address: 10.0.0.1:6443 }, { name: b, address: 10.0.0.2:6443 }, { name: c, address: 10.0.0.3:6443 } ]'

/** YAML of one instance and one service; further keys for either. */
export const yaml = (vrrp = '', proxy = ''): string =>
  `vrrp: [ ${VRRP.replace(' }', `${vrrp === '' ? '' : `, ${vrrp}`} }`)} ]\nproxy: [ { name: api, bind: [ 10.0.0.99:8443 ], ${
    proxy === '' ? `${CHECK}, ${SERVERS}` : proxy
  } } ]\n`

export const NOW = Date.parse('2026-06-01T00:00:00Z')
const DAY_MS = 86_400_000

export const eth0: LinkFacts = {
  name: 'eth0',
  isUp: true,
  mtu: 1500,
  addresses: [{ address: '10.0.0.1', family: 4, length: 24 }],
  bridge: undefined
}

export const peer = {
  interface: 'eth0',
  source: '10.0.0.2',
  version: 2 as const,
  vrid: 88,
  priority: 100,
  advertIntMs: 1000,
  addresses: ['10.0.0.99'],
  authType: 0,
  authData: '\0\0\0\0\0\0\0\0'
}

export const server = {
  address: '10.0.0.1:6443',
  certificate: { names: ['10.0.0.1', '10.0.0.99', 'kubernetes'], notAfterMs: NOW + 300 * DAY_MS },
  skewMs: 0,
  status: 200,
  problem: undefined
}

export const apiserver = new Map([
  ['advertise-address', '10.0.0.1'],
  ['shutdown-delay-duration', '15s'],
  ['goaway-chance', '0.001']
])

const idle = { isActive: false, flushes: new Set<string>() }

export function healthy(change: Partial<Facts> = {}, text = yaml()): Facts {
  return {
    config: configOf(text),
    nowMs: NOW,
    links: [eth0],
    sysctl: new Map([
      ['net/core/somaxconn', '4096'],
      ['net/ipv4/ip_local_port_range', '32768\t60999'],
      ['net/ipv4/conf/all/rp_filter', '0'],
      ['net/ipv4/conf/eth0/rp_filter', '1'],
      ['net/ipv4/conf/all/arp_ignore', '0'],
      ['net/ipv4/conf/eth0/arp_ignore', '1']
    ]),
    missingCapabilities: [],
    shortage: undefined,
    listeners: [
      { host: '10.0.0.1', port: 6443, program: 'kube-apiserver' },
      { host: '::', port: 10250, program: 'kubelet' }
    ],
    incumbents: [
      { name: 'keepalived', pids: [], isEnabled: false },
      { name: 'haproxy', pids: [], isEnabled: false }
    ],
    networkd: idle,
    networkManager: idle,
    firewall: [{ name: 'inet filter input', drops: false, rules: [] }],
    kubelet: { nodeIp: '10.0.0.1' },
    apiserver,
    hasEtcd: true,
    servers: [server],
    heard: [peer],
    answers: [{ address: '10.0.0.99', mac: '02:00:00:00:00:02' }],
    blind: [],
    ...change
  }
}

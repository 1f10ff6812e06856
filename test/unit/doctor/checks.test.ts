import { readFileSync } from 'node:fs'
import t from 'tap'
import { checks } from '../../../src/doctor/checks.js'
import type { Facts, FirewallRule, ServerFacts } from '../../../src/doctor/facts.js'
import { examine, type Level } from '../../../src/doctor/finding.js'
import { apiserver, eth0, healthy, NOW, peer, server, yaml } from './healthy.js'

/** What makes each check fire, with a word that it must say; and what is near to that and must not. */
interface Case {
  readonly level: Level
  readonly says: RegExp
  readonly fires: Facts
  /** More that makes it fire. */
  readonly also?: readonly Facts[]
  /** Besides the healthy host. */
  readonly silent?: readonly Facts[]
}

const DAY_MS = 86_400_000

const sysctl = (...changes: [string, string][]) => ({
  sysctl: new Map([...healthy().sysctl, ...changes.map(([key, value]) => [`net/ipv4/${key}`, value] as const)])
})
const flags = (...changes: [string, string | undefined][]) => {
  const all = new Map(apiserver)
  for (const [name, value] of changes) value === undefined ? all.delete(name) : all.set(name, value)
  return { apiserver: all }
}
const elsewhere = yaml().replace('[ 10.0.0.99 ] }', '[ { address: 10.0.0.99, dev: lo } ] }')
const lo = { ...eth0, name: 'lo', addresses: [{ address: '127.0.0.1', family: 4 as const, length: 8 }] }
const rule = (change: Partial<FirewallRule>): FirewallRule => ({
  verdict: 'drop',
  protocol: undefined,
  ports: undefined,
  isPartial: false,
  packets: undefined,
  ...change
})
const wall = (drops: boolean, ...rules: FirewallRule[]) => ({ firewall: [{ name: 'inet filter input', drops, rules }] })
const isFor = (change: Partial<ServerFacts>) => ({ servers: [{ ...server, ...change }] })
const tcpOnly = 'servers: [ { name: a, address: 10.0.0.1:6443 }, { name: b, address: 10.0.0.2:6443 } ]'
const PROXY_ONLY = `proxy: [ { name: api, bind: [ 127.0.0.1:8443 ], ${tcpOnly} } ]`
const hmac = yaml('auth_hmac: { key: [ { id: 1, file: /etc/vipd/key } ] }, version: 3')

const cases: Readonly<Record<string, Case>> = {
  capabilities: {
    level: 'error',
    says: /CAP_NET_RAW is missing/,
    fires: healthy({ missingCapabilities: ['CAP_NET_RAW'] })
  },
  'open-files': { level: 'warning', says: /20000/, fires: healthy({ shortage: 'maxconn 20000 does not fit' }) },
  'ephemeral-ports': {
    level: 'warning',
    says: /maxconn 20000 over 1 servers.*than the 10 local ports/,
    fires: healthy(
      sysctl(['ip_local_port_range', '60000 60009']),
      yaml('', 'servers: [ { name: a, address: 10.0.0.1:80 } ]')
    ),
    silent: [
      healthy(
        sysctl(['ip_local_port_range', '60000 60009']),
        yaml('', 'servers: [ { name: a, address: 10.0.0.1:80 } ], maxconn: 10')
      )
    ]
  },
  somaxconn: {
    level: 'warning',
    says: /somaxconn is 128/,
    fires: healthy({ sysctl: new Map([...healthy().sysctl, ['net/core/somaxconn', '128']]) })
  },
  'clock-skew': {
    level: 'warning',
    says: /10\.0\.0\.1:6443 is 3 s behind ours/,
    fires: healthy(isFor({ skewMs: -3000 })),
    also: [healthy(isFor({ skewMs: 8000 }))],
    silent: [healthy(isFor({ skewMs: 1600 })), healthy(isFor({ skewMs: undefined }))]
  },
  interface: {
    level: 'error',
    says: /there is no interface eth0/,
    fires: healthy({ links: [lo] }),
    also: [healthy({ links: [{ ...eth0, isUp: false }] })]
  },
  'rp-filter': {
    level: 'warning',
    says: /eth0\.rp_filter is strict/,
    fires: healthy({ links: [eth0, lo] }, elsewhere),
    silent: [healthy({ links: [eth0, lo], ...sysctl(['conf/all/rp_filter', '2']) }, elsewhere)]
  },
  'arp-ignore': {
    level: 'error',
    says: /arp_ignore is 8/,
    fires: healthy(sysctl(['conf/all/arp_ignore', '8'])),
    also: [healthy({ links: [eth0, lo] }, elsewhere), healthy(sysctl(['conf/eth0/arp_ignore', '2']))],
    silent: [healthy({ links: [eth0, lo], ...sysctl(['conf/eth0/arp_ignore', '0']) }, elsewhere)]
  },
  'arp-announce': {
    level: 'warning',
    says: /arp_announce is below 2/,
    fires: healthy({ links: [eth0, lo] }, elsewhere),
    silent: [healthy({ links: [eth0, lo], ...sysctl(['conf/all/arp_announce', '2']) }, elsewhere)]
  },
  'igmp-snooping': {
    level: 'warning',
    says: /239\.0\.0\.18 over a bridge/,
    fires: healthy(
      { links: [{ ...eth0, bridge: { snooping: true, querier: false } }] },
      yaml('mcast_dst_ip: 239.0.0.18')
    ),
    silent: [
      healthy({ links: [{ ...eth0, bridge: { snooping: true, querier: false } }] }),
      healthy({ links: [{ ...eth0, bridge: { snooping: true, querier: true } }] }, yaml('mcast_dst_ip: 239.0.0.18')),
      healthy({}, yaml('mcast_dst_ip: 239.0.0.18'))
    ]
  },
  mtu: {
    level: 'error',
    says: /has 40 bytes, the MTU of eth0 is 39/,
    fires: healthy({ links: [{ ...eth0, mtu: 39 }] })
  },
  keepalived: {
    level: 'error',
    says: /keepalived runs here \(pid 7, 8\)/,
    fires: healthy({ incumbents: [{ name: 'keepalived', pids: [7, 8], isEnabled: true }] }),
    silent: [healthy({ incumbents: [{ name: 'keepalived', pids: [7], isEnabled: true }] }, PROXY_ONLY)]
  },
  haproxy: {
    level: 'warning',
    says: /haproxy\.service is enabled/,
    fires: healthy({ incumbents: [{ name: 'haproxy', pids: [], isEnabled: true }] })
  },
  'port-taken': {
    level: 'error',
    says: /kube-apiserver listens on \[::\]:8443; api is to listen on 10\.0\.0\.99:8443/,
    fires: healthy({ listeners: [{ host: '::', port: 8443, program: 'kube-apiserver' }] }),
    also: [healthy({ listeners: [{ host: '10.0.0.99', port: 8443, program: undefined }] })],
    silent: [healthy({ listeners: [{ host: '10.0.0.1', port: 8443, program: 'other' }] })]
  },
  networkd: {
    level: 'warning',
    says: /systemd-networkd manages eth0/,
    fires: healthy({ networkd: { isActive: true, flushes: new Set(['eth0']) } }),
    silent: [healthy({ networkd: { isActive: true, flushes: new Set(['eth1']) } })]
  },
  'network-manager': {
    level: 'warning',
    says: /NetworkManager manages eth0/,
    fires: healthy({ networkManager: { isActive: true, flushes: new Set(['eth0']) } }),
    silent: [healthy({ networkManager: { isActive: false, flushes: new Set(['eth0']) } })]
  },
  'firewall-vrrp': {
    level: 'error',
    says: /inet filter input drops IP protocol 112 \(VRRP\) \(by its policy\)/,
    fires: healthy(wall(true, rule({ verdict: 'accept', protocol: 6 }))),
    also: [healthy(wall(false, rule({ protocol: 112, packets: 17 })))],
    silent: [
      healthy(
        wall(
          true,
          rule({ verdict: 'accept', protocol: 112, isPartial: true }),
          rule({ verdict: 'accept', protocol: 6 })
        )
      ),
      healthy(wall(false, rule({ isPartial: true }))),
      healthy(wall(true, rule({ verdict: 'accept' })))
    ]
  },
  'firewall-port': {
    level: 'error',
    says: /TCP to port 8443 \(by a rule, 3 packets so far\)/,
    fires: healthy(wall(false, rule({ protocol: 6, ports: [[8000, 9000]], packets: 3 }))),
    silent: [
      healthy(wall(false, rule({ protocol: 6, ports: [[80, 80]] }))),
      healthy(
        wall(
          true,
          rule({ verdict: 'accept', protocol: 112 }),
          rule({ verdict: 'accept', protocol: 6, ports: [[8443, 8443]] })
        )
      )
    ]
  },
  'default-vrid': {
    level: 'warning',
    says: /VI_1 has virtual_router_id 51/,
    fires: healthy({}, yaml().replace('88', '51'))
  },
  'foreign-vrid': {
    level: 'error',
    says: /10\.0\.0\.2 uses virtual_router_id 88 on eth0 for 10\.9\.9\.9; VI_1 is for 10\.0\.0\.99/,
    fires: healthy({ heard: [peer, { ...peer, addresses: ['10.9.9.9'] }] }),
    silent: [healthy({ heard: [peer, { ...peer, interface: 'eth1', addresses: ['10.9.9.9'] }] })]
  },
  'other-speakers': {
    level: 'note',
    says: /10\.0\.0\.7 speaks VRRP with virtual_router_id 7 on eth0/,
    fires: healthy({ heard: [peer, { ...peer, source: '10.0.0.7', vrid: 7 }] })
  },
  'advert-mismatch': {
    level: 'error',
    says: /10\.0\.0\.2 sends an advert each 3 s; VI_1 has advert_int 1 s/,
    fires: healthy({ heard: [{ ...peer, advertIntMs: 3000 }] }),
    also: [
      healthy({ heard: [{ ...peer, version: 3 }] }),
      healthy({ heard: [{ ...peer, authType: 1, authData: 'secret\0\0' }] }),
      healthy(
        { heard: [{ ...peer, authType: 1, authData: 'secret\0\0' }] },
        yaml('authentication: { auth_pass: other }')
      )
    ],
    silent: [
      healthy(
        { heard: [{ ...peer, authType: 1, authData: 'secret\0\0' }] },
        yaml('authentication: { auth_pass: secret }')
      )
    ]
  },
  'weights-cannot-swap': {
    level: 'warning',
    says: /VI_1: chk can move its priority between 98 and 100; 10\.0\.0\.2 has 90/,
    fires: healthy(
      { heard: [{ ...peer, priority: 90 }] },
      `${yaml('track_script: [ { name: chk, weight: -2 } ]')}vrrp_script: [ { name: chk, script: /bin/true } ]\n`
    ),
    silent: [
      healthy(
        { heard: [{ ...peer, priority: 99 }] },
        `${yaml('track_script: [ { name: chk, weight: -2 } ]')}vrrp_script: [ { name: chk, script: /bin/true } ]\n`
      )
    ]
  },
  'cut-password': {
    level: 'warning',
    says: /auth_pass of VI_1 is longer than 8 bytes/,
    fires: healthy({ heard: [], answers: [] }, yaml('authentication: { auth_pass: "123456789" }')),
    silent: [healthy({ heard: [], answers: [] }, yaml('authentication: { auth_pass: "12345678" }'))]
  },
  'vip-answered': {
    level: 'error',
    says: /10\.0\.0\.99 is answered by 02:00:00:00:00:02, and nobody sends adverts/,
    fires: healthy({ heard: [] }),
    also: [
      healthy({ answers: [...healthy().answers, { address: '10.0.0.99', mac: '02:00:00:00:00:03' }] }),
      healthy({ links: [{ ...eth0, addresses: [...eth0.addresses, { address: '10.0.0.99', family: 4, length: 32 }] }] })
    ],
    silent: [healthy({ heard: [], answers: [] })]
  },
  'vip-subnet': {
    level: 'warning',
    says: /10\.0\.0\.99 is in no subnet of eth0/,
    fires: healthy({ links: [{ ...eth0, addresses: [{ address: '10.7.0.1', family: 4, length: 24 }] }] })
  },
  'certificate-san': {
    level: 'error',
    says: /certificate of 10\.0\.0\.1:6443 does not name 10\.0\.0\.99/,
    fires: healthy(isFor({ certificate: { ...server.certificate, names: ['10.0.0.1'] } })),
    silent: [healthy(isFor({ certificate: undefined }))]
  },
  'certificate-days': {
    level: 'warning',
    says: /expires in 12 days/,
    fires: healthy(isFor({ certificate: { ...server.certificate, notAfterMs: NOW + 12.5 * DAY_MS } }))
  },
  readyz: {
    level: 'error',
    says: /10\.0\.0\.1:6443 answers the check with 500/,
    fires: healthy(isFor({ status: 500 })),
    also: [healthy(isFor({ status: undefined, problem: 'connect ECONNREFUSED' }))]
  },
  'idle-timeout': {
    level: 'warning',
    says: /api ends sessions that are quiet for 35 s/,
    fires: healthy({}, yaml('', `timeout: { client: 35s, server: 900s }, ${tcpOnly}`)),
    silent: [healthy({}, yaml('', `timeout: { client: 35s, tunnel: 2h }, ${tcpOnly}`))]
  },
  'check-type': {
    level: 'note',
    says: /api: a, b are checked by TCP alone/,
    fires: healthy({}, yaml('', tcpOnly)),
    also: [healthy({}, yaml('', `default_server: { check: { type: tcp } }, ${tcpOnly}`))],
    silent: [healthy({}, yaml('', 'servers: [ { name: a, address: 10.0.0.1:80 } ]'))]
  },
  'kube-ipvs0': {
    level: 'error',
    says: /10\.0\.0\.99 is on kube-ipvs0/,
    fires: healthy({
      links: [eth0, { ...eth0, name: 'kube-ipvs0', addresses: [{ address: '10.0.0.99', family: 4, length: 32 }] }]
    }),
    silent: [
      healthy({
        links: [eth0, { ...eth0, name: 'kube-ipvs0', addresses: [{ address: '10.96.0.1', family: 4, length: 32 }] }]
      })
    ]
  },
  'node-ip': {
    level: 'error',
    says: /--node-ip=10\.0\.0\.99, the virtual address/,
    fires: healthy({ kubelet: { nodeIp: '10.0.0.99' } }),
    silent: [healthy({ kubelet: undefined })]
  },
  'advertise-address': {
    level: 'error',
    says: /--advertise-address=10\.0\.0\.99/,
    fires: healthy(flags(['advertise-address', '10.0.0.99'])),
    silent: [healthy({ apiserver: undefined })]
  },
  'shutdown-delay': {
    level: 'warning',
    says: /no --shutdown-delay-duration/,
    fires: healthy(flags(['shutdown-delay-duration', undefined])),
    also: [healthy(flags(['shutdown-delay-duration', '0s']))],
    silent: [healthy({ apiserver: undefined }), healthy(flags(['shutdown-delay-duration', '1m30s']))]
  },
  'goaway-chance': {
    level: 'note',
    says: /no --goaway-chance/,
    fires: healthy(flags(['goaway-chance', undefined])),
    silent: [healthy(flags(['goaway-chance', undefined]), yaml('', 'servers: [ { name: a, address: 10.0.0.1:6443 } ]'))]
  },
  'anonymous-auth': {
    level: 'warning',
    says: /asks without token/,
    fires: healthy(flags(['anonymous-auth', 'false'])),
    silent: [healthy(flags(['anonymous-auth', 'true'])), healthy(flags(['anonymous-auth', 'false']), yaml('', tcpOnly))]
  },
  'etcd-members': {
    level: 'warning',
    says: /two masters/,
    fires: healthy({}, yaml('', tcpOnly)),
    silent: [healthy({ hasEtcd: false }, yaml('', tcpOnly))]
  }
}

const findingsOf = (name: string, facts: Facts) =>
  examine(
    facts,
    checks.filter((check) => check.name === name)
  )

t.test('there are at least 25 checks, each with a name of its own and a case here', async (t) => {
  t.ok(checks.length >= 25, `${checks.length}`)
  t.strictSame(checks.map(({ name }) => name).sort(), Object.keys(cases).sort())
})

t.test('a master as it should be: nothing is found', async (t) => t.strictSame(examine(healthy(), checks), []))

for (const [name, { level, says, fires, also = [], silent = [] }] of Object.entries(cases)) {
  t.test(`${name} fires, and says what, why and how to mend it`, async (t) => {
    const [found] = findingsOf(name, fires)
    t.match(found, { check: name, level, what: says })
    for (const text of [found?.what, found?.why, found?.mend]) t.match(text, /^\S.*\S$/)
    for (const facts of also) t.equal(findingsOf(name, facts)[0]?.check, name)
  })
  t.test(`${name} keeps silent`, async (t) => {
    for (const facts of [healthy(), ...silent]) t.strictSame(findingsOf(name, facts), [])
  })
}

t.test('what is further away is worse', async (t) => {
  const expired = healthy(isFor({ certificate: { ...server.certificate, notAfterMs: NOW - 2 * DAY_MS } }))
  t.match(findingsOf('certificate-days', expired), [{ level: 'error', what: /expired 2 days ago/ }])
  t.match(findingsOf('readyz', healthy(isFor({ status: 403 }))), [{ level: 'warning' }])
  t.match(findingsOf('clock-skew', healthy(isFor({ skewMs: 60_000 }), hmac)), [{ level: 'error', what: /60 s ahead/ }])
  t.match(findingsOf('node-ip', healthy({ kubelet: { nodeIp: undefined } })), [{ level: 'note' }])
})

t.test('no finding tells a password', async (t) => {
  const text = yaml('authentication: { auth_pass: hunter2, auth_type: PASS }')
  const facts = healthy({ heard: [{ ...peer, authType: 1, authData: 'swordfis' }] }, text)
  t.notMatch(JSON.stringify(examine(facts, checks)), /hunter2|swordfis/)
})

t.test('errors come first', async (t) => {
  const facts = healthy({
    missingCapabilities: ['CAP_NET_ADMIN'],
    ...flags(['goaway-chance', undefined]),
    shortage: 'x'
  })
  t.strictSame(
    examine(facts, checks).map(({ level }) => level),
    ['error', 'warning', 'note']
  )
})

t.test('docs/doctor.md has a row for each check, in their order', async (t) => {
  const text = readFileSync(new URL('../../../../docs/doctor.md', import.meta.url), 'utf8')
  t.strictSame(
    [...text.matchAll(/^\| `([\w-]+)` \|/gm)].map(([, name]) => name),
    checks.map(({ name }) => name)
  )
})

import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { Files } from '../../../src/doctor/look/files.js'
import { chainsOf, firewallOf } from '../../../src/doctor/look/firewall.js'
import { commandOf, flagsOf, kubernetesOf } from '../../../src/doctor/look/kubernetes.js'
import { networkdOf, networkManagerOf } from '../../../src/doctor/look/managers.js'
import { incumbentsOf, listenersOf, processesOf } from '../../../src/doctor/look/processes.js'

/** A folder that stands for a host: what is read there. */
function host(t: Test, files: Readonly<Record<string, string>>, links: Readonly<Record<string, string>> = {}): Files {
  const root = t.testdir()
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  for (const [path, to] of Object.entries(links)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    symlinkSync(to, join(root, path))
  }
  return new Files(root)
}

t.test('processes of this network namespace, and which of the incumbents they are', async (t) => {
  const files = host(
    t,
    {
      'proc/7/comm': 'keepalived\n',
      'proc/8/comm': 'keepalived\n',
      'proc/9/comm': 'haproxy\n',
      'proc/meminfo': '',
      'etc/systemd/system/multi-user.target.wants/haproxy.service': ''
    },
    {
      'proc/self/ns/net': 'net:[1]',
      'proc/7/ns/net': 'net:[1]',
      'proc/8/ns/net': 'net:[1]',
      'proc/9/ns/net': 'net:[2]'
    }
  )
  const processes = await processesOf(files)
  t.strictSame(processes, [
    { pid: 7, name: 'keepalived' },
    { pid: 8, name: 'keepalived' }
  ])
  t.strictSame(await incumbentsOf(files, processes), [
    { name: 'keepalived', pids: [7, 8], isEnabled: false },
    { name: 'haproxy', pids: [], isEnabled: true }
  ])
})

t.test('who listens, of either family, but for ourselves', async (t) => {
  const head = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n'
  const row = (local: string, state: string, inode: number): string =>
    `   0: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000     0        0 ${inode} 1 0 100 0 0 10 0\n`
  const files = host(
    t,
    {
      'proc/self/net/tcp': `${head}${row('0100000A:20FB', '0A', 11)}${row('0100000A:20FB', '01', 12)}`,
      'proc/self/net/tcp6': `${head}${row('00000000000000000000000000000000:192B', '0A', 13)}${row('B80D0120000000000000000001000000:0050', '0A', 14)}`,
      'proc/7/comm': 'vipd\n',
      'proc/8/comm': 'kube-apiserver\n'
    },
    { 'proc/7/fd/3': 'socket:[11]', 'proc/8/fd/5': 'socket:[13]', 'proc/8/fd/6': '/dev/null' }
  )
  const processes = await processesOf(files)
  const strangers = [
    { host: '::', port: 6443, program: 'kube-apiserver' },
    { host: '2001:db8:0:0:0:0:0:1', port: 80, program: undefined }
  ]
  t.strictSame(await listenersOf(files, processes, 7), strangers)
  t.strictSame(await listenersOf(files, processes, undefined), [
    { host: '10.0.0.1', port: 8443, program: 'vipd' },
    ...strangers
  ])
})

t.test('flags of a static pod and of kubelet', async (t) => {
  const manifest = `apiVersion: v1
kind: Pod
spec:
  containers:
  - command:
    - kube-apiserver
    - --advertise-address=10.0.0.1
    - --anonymous-auth=false
    args: [ --goaway-chance, "0.001", --v ]
`
  const files = host(t, {
    'etc/kubernetes/manifests/kube-apiserver.yaml': manifest,
    'etc/kubernetes/manifests/etcd.yaml': 'spec: {}',
    'proc/5/cmdline': '/usr/bin/kubelet\0--config=/x\0--node-ip=10.0.0.1\0'
  })
  const found = await kubernetesOf(files, [{ pid: 5, name: 'kubelet' }])
  t.strictSame(found.kubelet, { nodeIp: '10.0.0.1' })
  t.equal(found.hasEtcd, true)
  t.strictSame(Object.fromEntries(found.apiserver ?? []), {
    'advertise-address': '10.0.0.1',
    'anonymous-auth': 'false',
    'goaway-chance': '0.001',
    v: 'true'
  })
  t.strictSame(await kubernetesOf(host(t, {}), []), { apiserver: undefined, hasEtcd: false, kubelet: undefined })
  t.strictSame(commandOf('a: [ }'), [])
  t.strictSame(commandOf('[]'), [])
  t.strictSame(
    [...flagsOf(['x', '-a', '--b=c=d'])],
    [
      ['a', 'true'],
      ['b', 'c=d']
    ]
  )
})

t.test('interfaces whose addresses a manager of the network takes away', async (t) => {
  const links = [
    { name: 'eth0', index: 2 },
    { name: 'eth1', index: 3 },
    { name: 'eth2', index: 4 }
  ]
  const files = host(t, {
    'run/systemd/netif/links/2': 'ADMIN_STATE=configured\nNETWORK_FILE=/etc/systemd/network/10-eth0.network\n',
    'run/systemd/netif/links/3': 'NETWORK_FILE=/etc/systemd/network/10-eth1.network\n',
    'run/systemd/netif/links/4': 'ADMIN_STATE=unmanaged\n',
    'etc/systemd/network/10-eth0.network': '[Network]\nDHCP=yes\n',
    'etc/systemd/network/10-eth1.network': '[Network]\nDHCP=yes\n',
    'etc/systemd/network/10-eth1.network.d/vipd.conf': '[Network]\nKeepConfiguration=static\n',
    'run/NetworkManager/devices/2': '[device]\nmanaged=full\n',
    'run/NetworkManager/devices/3': '[device]\nmanaged=false\n'
  })
  const networkd = await networkdOf(files, [{ pid: 1, name: 'systemd-network' }], links)
  t.strictSame([networkd.isActive, [...networkd.flushes]], [true, ['eth0']])
  const manager = await networkManagerOf(files, [{ pid: 1, name: 'NetworkManager' }], links)
  t.strictSame([manager.isActive, [...manager.flushes]], [true, ['eth0']])
  t.equal((await networkdOf(files, [{ pid: 1, name: 'systemd-networkx' }], links)).isActive, false)
  t.equal((await networkManagerOf(files, [], links)).flushes.size, 0)
})

t.test('rules of nftables: jumps are followed, conditions that are not understood make a rule partial', async (t) => {
  const match = (left: object, right: unknown, op = '==') => ({ match: { op, left, right } })
  const l4 = { meta: { key: 'l4proto' } }
  const dport = { payload: { protocol: 'tcp', field: 'dport' } }
  const rule = (chain: string, ...expr: object[]) => ({ rule: { family: 'inet', table: 'f', chain, expr } })
  const chains = chainsOf({
    nftables: [
      { metainfo: {} },
      { chain: { family: 'inet', table: 'f', name: 'in', hook: 'input', policy: 'drop' } },
      { chain: { family: 'inet', table: 'f', name: 'more' } },
      { chain: { family: 'inet', table: 'f', name: 'out', hook: 'output', policy: 'drop' } },
      rule('in', match({ meta: { key: 'iifname' } }, 'lo'), { accept: null }),
      rule('in', match(l4, 'vrrp'), { counter: { packets: 5, bytes: 1 } }, { drop: null }),
      rule('in', { jump: { target: 'more' } }),
      rule('in', match(dport, { set: [22, { range: [8000, 8999] }] }), { accept: null }),
      rule('in', match(l4, 'tcp', '!='), { log: null }, { reject: null }),
      rule('more', match(l4, 112), { accept: null }),
      rule('more', match({ payload: { protocol: 'ip', field: 'saddr' } }, '10.0.0.1'), { return: null }),
      rule('more', { drop: null })
    ]
  })
  const one = { protocol: undefined, ports: undefined, isPartial: false, packets: undefined }
  t.strictSame(chains, [
    {
      name: 'inet f in',
      drops: true,
      rules: [
        { ...one, verdict: 'accept', isPartial: true },
        { ...one, verdict: 'drop', protocol: 112, packets: 5 },
        { ...one, verdict: 'accept', protocol: 112 },
        { ...one, verdict: 'drop', isPartial: true },
        {
          ...one,
          verdict: 'accept',
          protocol: 6,
          ports: [
            [22, 22],
            [8000, 8999]
          ]
        },
        { ...one, verdict: 'drop', isPartial: true }
      ]
    }
  ])
  t.strictSame(chainsOf(undefined), [])
  t.strictSame(chainsOf({ nftables: [{ chain: 1 }, 2, { rule: { expr: 3 } }] }), [])
})

t.test('a firewall that cannot be read is no firewall without rules', async (t) => {
  const failing = async () =>
    ({ ok: false, why: 'spawn', code: null, detail: 'no such program', output: '', tookMs: 1 }) as const
  t.strictSame(await firewallOf(failing), { ok: false, why: 'nft: no such program' })
  const odd = async () => ({ ok: true, tookMs: 1, output: 'x' }) as const
  t.match(await firewallOf(odd), { ok: false })
})

t.test('files: what is not there is undefined, and no more than a MiB is read', async (t) => {
  const files = host(t, { big: 'x'.repeat(3 << 20) })
  t.equal((await files.read('big'))?.length, 1 << 20)
  t.equal(await files.read('none'), undefined)
  t.strictSame(await files.list('none'), [])
  t.equal(await files.link('big'), undefined)
})

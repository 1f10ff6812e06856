import fc from 'fast-check'
import t from 'tap'
import { formatDuration, parseDuration } from '../../../src/base/duration.js'
import {
  addressBytes,
  canonicalAddress,
  compareAddresses,
  familyOf,
  formatAddress,
  formatHostPort,
  formatPrefix,
  parseHostPort,
  parsePrefix
} from '../../../src/base/ip.js'
import { diffConfig } from '../../../src/config/diff.js'
import { unknownKeyHint, unknownNameHint } from '../../../src/config/hints.js'
import { configOf } from '../../fakes/fake-node.js'
import { runs } from '../../runs.js'

t.test('durations', async (t) => {
  t.test('are what keepalived and haproxy mean by them', async (t) => {
    const good: [string | number, 's' | 'ms', number][] = [
      ['5s', 'ms', 5000],
      ['500ms', 's', 500],
      ['1m', 's', 60_000],
      ['2h', 's', 7_200_000],
      ['1d', 's', 86_400_000],
      ['15us', 's', 0.015],
      ['2.5s', 'ms', 2500],
      ['0.5', 's', 500],
      [5, 's', 5000],
      [5000, 'ms', 5000],
      [0, 's', 0],
      ['0', 'ms', 0],
      [0.1, 's', 100],
      ['0.3s', 's', 300],
      ['  7s ', 's', 7000]
    ]
    for (const [text, bare, ms] of good) t.equal(parseDuration(text, bare), ms, String(text))
  })
  t.test('and nothing else', async (t) => {
    const bad = [
      '',
      ' ',
      's',
      '-1s',
      '+1s',
      '1e3',
      '1 s',
      '1S',
      '1sec',
      '1.s',
      '.5s',
      '1,5s',
      '0x10',
      '١s',
      '1s1s',
      'Infinity',
      'NaN',
      '1µs'
    ]
    for (const text of bad) t.equal(parseDuration(text, 's'), undefined, text)
    for (const number of [-1, Number.NaN, Number.POSITIVE_INFINITY, 1e21, 5e-7])
      t.equal(parseDuration(number, 's'), undefined)
  })
  t.test('are written in the shortest way, and read back alike', async (t) => {
    t.strictSame([1000, 1500, 900_000, 0, 500, 86_400_000, 90_000, 0.015].map(formatDuration), [
      '1s',
      '1500ms',
      '15m',
      '0ms',
      '500ms',
      '1d',
      '90s',
      '15us'
    ])
    fc.assert(fc.property(fc.nat(), (ms) => parseDuration(formatDuration(ms), 's') === ms))
    t.pass()
  })
})

t.test('addresses', async (t) => {
  t.test('are those that inet_pton takes', async (t) => {
    for (const text of [
      '0.0.0.0',
      '255.255.255.255',
      '10.32.255.99',
      '::',
      '::1',
      'fe80::1',
      '1:2:3:4:5:6:7:8',
      '1::8',
      '::ffff:1.2.3.4',
      '1:2:3:4:5:6:1.2.3.4',
      'FE80::A'
    ])
      t.ok(addressBytes(text), text)
    for (const text of [
      '',
      '1',
      '1.2.3',
      '1.2.3.4.5',
      '256.1.1.1',
      '01.2.3.4',
      '1.2.3.4 ',
      ' 1.2.3.4',
      '1.2.3.-4',
      '1.2.3.4/32',
      '0x1.2.3.4',
      ':',
      ':::',
      '1::2::3',
      '1:2:3:4:5:6:7',
      '1:2:3:4:5:6:7:8:9',
      '::1:2:3:4:5:6:7:8',
      '12345::',
      'g::',
      'fe80::1%eth0',
      '1.2.3.4::',
      '::1.2.3',
      '[::1]',
      '1:2:3:4:5:6:7:',
      ':1:2:3:4:5:6:7'
    ])
      t.equal(addressBytes(text), undefined, text)
  })
  t.test('have one spelling (RFC 5952)', async (t) => {
    const pairs = [
      ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
      ['0:0:0:0:0:0:0:0', '::'],
      ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
      ['1:0:2:3:4:5:6:7', '1:0:2:3:4:5:6:7'],
      ['fe80:0:0:0:1::', 'fe80::1:0:0:0'],
      ['10.0.0.1', '10.0.0.1']
    ] as const
    for (const [text, canonical] of pairs) t.equal(canonicalAddress(text), canonical)
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
        t.strictSame(addressBytes(formatAddress(bytes)), bytes)
      }),
      runs(200)
    )
  })
  t.test('no text whatever makes them throw', async (t) => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[0-9a-f:./[\]]{0,40}$/)), (text) => {
        addressBytes(text)
        parsePrefix(text)
        parseHostPort(text)
        parseDuration(text, 's')
      }),
      runs(3000)
    )
    t.pass()
  })
  t.test('are ordered as numbers', async (t) => {
    t.ok(compareAddresses('10.0.0.9', '10.0.0.10') < 0)
    t.ok(compareAddresses('200.0.0.1', '100.0.0.1') > 0)
    t.equal(compareAddresses('10.0.0.1', '10.0.0.1'), 0)
    t.throws(() => compareAddresses('10.0.0.1', '::1'))
    t.equal(familyOf('::1'), 6)
    t.equal(familyOf('1.1.1.1'), 4)
    t.equal(familyOf('x'), undefined)
  })
  t.test('with a length', async (t) => {
    t.strictSame(parsePrefix('10.0.0.1'), { address: '10.0.0.1', family: 4, length: 32 })
    t.strictSame(parsePrefix('10.0.0.1/0'), { address: '10.0.0.1', family: 4, length: 0 })
    t.strictSame(parsePrefix('FD00::1'), { address: 'fd00::1', family: 6, length: 128 })
    t.equal(formatPrefix({ address: 'fd00::1', family: 6, length: 64 }), 'fd00::1/64')
    for (const text of ['10.0.0.1/33', '10.0.0.1/', '10.0.0.1/-1', '10.0.0.1/24/24', '::/129', '10.0.0.1/2 4', '/24'])
      t.equal(parsePrefix(text), undefined, text)
  })
  t.test('with a port', async (t) => {
    t.strictSame(parseHostPort('10.0.0.1:6443'), { host: '10.0.0.1', family: 4, port: 6443 })
    t.strictSame(parseHostPort('[FD00::1]:6443'), { host: 'fd00::1', family: 6, port: 6443 })
    for (const text of [
      '10.0.0.1',
      '10.0.0.1:',
      '10.0.0.1:0',
      '10.0.0.1:65536',
      'fd00::1:6443',
      '[10.0.0.1]:1',
      '[::1]',
      ':6443',
      'host:1',
      '10.0.0.1:64 43',
      '10.0.0.1:+1',
      '[]:1'
    ])
      t.equal(parseHostPort(text), undefined, text)
    t.equal(formatHostPort({ host: 'fd00::1', port: 1 }), '[fd00::1]:1')
  })
})

t.test('a hint is the word to use instead, the nearest key, or all of them', async (t) => {
  const known = ['priority', 'preempt', 'interface']
  t.equal(unknownKeyHint('prioroty', known), 'did you mean `priority`?')
  t.equal(unknownKeyHint('INTERFACE', known), 'did you mean `interface`?')
  t.equal(unknownKeyHint('auth_pass', known), 'write `authentication: { auth_type: PASS, auth_pass: "…" }`')
  t.equal(unknownKeyHint('mcast_src_ip', known), 'known here: priority, preempt, interface')
  t.equal(unknownKeyHint('default-server', ['default_server']), 'did you mean `default_server`?')
  t.match(unknownKeyHint('constructor', known), /^known here/, 'an inherited name is no hint')
  t.equal(unknownKeyHint('pritority', known), 'did you mean `priority`?')
  t.equal(
    unknownKeyHint('rpiority', known),
    'did you mean `priority`?',
    'two letters that changed places are one mistake'
  )
  t.equal(unknownKeyHint('inter', ['interval'], 'proxy'), 'it belongs under `check`')
  t.match(unknownKeyHint('check-ssl', [], 'proxy'), /^write `check: \{ type: https/, 'also with the dashes of haproxy')
  t.match(unknownKeyHint('use_backend', [], 'proxy'), /^by a name in the ClientHello: `sni:/)
  t.match(unknownKeyHint('inter', ['name'], 'vrrp_script'), /^known here/, 'which a script has not')
  t.match(unknownKeyHint('x'.repeat(1 << 20), known), /^known here/, 'however long it is')
  for (const word of ['use_vmac', 'strict_mode', 'dont_track_primary', 'track_bfd', 'virtual_routes', 'no_accept'])
    t.notMatch(unknownKeyHint(word, known), /^known here/, word)
})

const BASE = `vrrp:
  - { name: VI_1, interface: bond0, virtual_router_id: 88, virtual_ipaddress: [ 10.0.0.9 ], authentication: { auth_pass: "hunter22" } }
proxy:
  - name: api
    bind: [ 10.0.0.9:8443 ]
    servers: [ { name: a, address: 10.0.0.1:6443 }, { name: b, address: 10.0.0.2:6443 } ]
`
t.test('a name that no entry has: the nearest one, or all, or that there are none', async (t) => {
  t.equal(unknownNameHint('chk_pai', new Set(['other', 'chk_api']), 'vrrp_script'), 'did you mean chk_api?')
  t.equal(unknownNameHint('x', new Set(['one', 'two']), 'vrrp_script'), 'known there: one, two')
  t.equal(unknownNameHint('x', new Set(), 'vrrp_script'), 'add it to `vrrp_script`')
  const many = new Set(Array.from({ length: 100 }, (_, i) => `script-${i}`))
  t.ok(unknownNameHint('x', many, 'vrrp_script').length < 300)
})

t.test('no secret, and no command line that may have one, is in a difference', async (t) => {
  const yaml = (script: string, extra = ''): string => `vrrp_script: [ { name: chk, script: "/c --token ${script}" } ]
${BASE.split('proxy')[0]?.replace(' }\n', `, notify: "/n ${script}"${extra} }\n`)}`
  t.strictSame(diffConfig(configOf(yaml('s3cret')), configOf(yaml('0ther'))), [
    'scripts chk.script is different',
    'vrrp VI_1.notify.any is different'
  ])
  t.strictSame(diffConfig(configOf(yaml('s3cret')), configOf(yaml('s3cret', ', notify_stop: "/n s3cret"'))), [
    'vrrp VI_1.notify.stop is new'
  ])
  t.strictSame(diffConfig(configOf(yaml('s3cret', ', notify_stop: "/n s3cret"')), configOf(yaml('s3cret'))), [
    'vrrp VI_1.notify.stop is removed'
  ])
  t.strictSame(
    diffConfig(configOf(yaml('x')), configOf(yaml('x', ', mcast_src_ip: 10.0.0.1'))),
    ['vrrp VI_1.source: unset → 10.0.0.1'],
    'and nothing is told twice'
  )
})

t.test('what a check runs, or tells an agent, may be a secret as well', async (t) => {
  const yaml = (secret: string): string => `proxy:
  - name: api
    bind: [ 10.0.0.9:8443 ]
    servers:
      - { name: a, address: 10.0.0.1:6443, check: { type: exec, command: "/usr/bin/probe --password ${secret}" } }
      - { name: b, address: 10.0.0.2:6443, agent_check: { port: 99, send: "${secret}" } }
      - { name: c, address: 10.0.0.3:6443, check: { type: agent, port: 99, send: "${secret}" } }
`
  t.strictSame(diffConfig(configOf(yaml('s3cret')), configOf(yaml('0ther'))), [
    'proxy api.servers a.check.command is different',
    'proxy api.servers b.agent.send is different',
    'proxy api.servers c.check.send is different'
  ])
})

t.test('a change is named in words, and no password is shown', async (t) => {
  const before = configOf(BASE)
  t.strictSame(diffConfig(before, configOf(BASE)), [])
  const changed = (from: string, to: string): string[] => diffConfig(before, configOf(BASE.replace(from, to)))
  t.strictSame(changed('virtual_router_id: 88', 'virtual_router_id: 89'), ['vrrp VI_1.virtualRouterId: 88 → 89'])
  t.strictSame(changed('hunter22', 'hunter23'), ['vrrp VI_1.authentication.pass is different'])
  t.strictSame(changed(', authentication: { auth_pass: "hunter22" }', ''), ['vrrp VI_1.authentication: set → unset'])
  t.strictSame(changed('name: b,', 'name: c,'), ['proxy api.servers b is removed', 'proxy api.servers c is new'])
  t.strictSame(changed('10.0.0.2:6443', '10.0.0.3:6443').length, 2, 'the server and its check')
  t.strictSame(changed('bind: [ 10.0.0.9:8443 ]', 'bind: [ 10.0.0.9:8443, 10.0.0.9:9443 ]'), [
    'proxy api.bind 2 is new'
  ])
  t.strictSame(diffConfig(before, configOf(BASE.split('proxy')[0] ?? '')), ['proxy api is removed'])
  t.strictSame(diffConfig(before, configOf(`nbthread: 2\n${BASE}`)), ['threads: unset → 2'])
})

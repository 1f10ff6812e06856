import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import t from 'tap'
import { convert } from '../../../src/config/import/convert.js'
import { formatReport } from '../../../src/config/import/report.js'
import { parseConfig } from '../../../src/config/load.js'
import { patience, runs } from '../../runs.js'

const goldens = (name: string): string =>
  (readFileSync(new URL(`../../../../test/golden/import/${name}.txt`, import.meta.url), 'utf8').split('-----')[0] ?? '')
    .split(/^>>> .*\n/m)
    .slice(1)
    .join('\n')

const KEEPALIVED = [
  'seed-backup',
  'keepalived-shapes',
  'keepalived-unicast',
  'keepalived-dual-stack',
  'keepalived-tracks',
  'keepalived-groups',
  'keepalived-globals',
  'keepalived-hmac'
].map(goldens)
const HAPROXY = [
  `${goldens('several-services')}\n${goldens('frontend-backend')}`,
  goldens('haproxy-checks'),
  goldens('haproxy-access'),
  goldens('haproxy-binds'),
  goldens('haproxy-odd')
]

// Slow on a machine that has other things to do.
t.setTimeout(patience(180_000))

/** What breaks parsers, put anywhere, or a piece of the file cut out, doubled or moved. */
const mutations = fc.array(
  fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    cut: fc.integer({ min: 0, max: 60 }),
    put: fc.oneof(
      fc.constantFrom(
        '{',
        '}',
        '"',
        "'",
        '\\',
        '#',
        '!',
        '\n',
        '$',
        `"$${'{X}'}"`,
        ' ',
        '\0',
        '\ufeff',
        '__proto__',
        '-1',
        '1e9',
        '[',
        ':',
        '@x '
      ),
      fc.string({ unit: 'binary', maxLength: 12 }),
      fc.constantFrom(
        'include x\n',
        'default-server check\n',
        'server a 1.2.3.4:5\n',
        'authentication {\n',
        'from base',
        'listen __proto__\n',
        'constructor\n'
      ),
      fc.constantFrom(
        'vrrp_instance V {\n',
        'vrrp_sync_group G {\n',
        'vrrp_script S {\n',
        'track_process P {\n',
        'track_file F {\n',
        'global_defs {\n',
        'group {\n',
        'auth_hmac {\n',
        'unicast_peer {\n',
        'virtual_ipaddress {\n',
        'virtual_ipaddress_excluded {\n',
        'track_script {\n',
        'track_file {\n',
        'track_interface {\n'
      ),
      fc.constantFrom(
        'nopreempt\n',
        'state MASTER\n',
        'version 3\n',
        'priority 254\n',
        'interface eth1\n',
        'preempt_delay 5\n',
        'smtp_alert\n',
        'smtp_server x\n',
        'notify /x\n',
        'unicast_src_ip fd00::1\n',
        'mcast_dst_ip ff02::1\n',
        'key 1 hex:00\n',
        'active_key 2\n',
        'sync_group_tracking_weight\n',
        'v3_checksum_as_v2\n',
        'quorum_max 0\n',
        'vrrp_strict\n'
      ),
      fc.constantFrom(
        ' weight 5',
        ' weight -254',
        ' reverse',
        ' min_ttl 5',
        ' brd +',
        ' dev eth9',
        ' fd00::5 ',
        ' 10.9.9.9 '
      )
    )
  }),
  { minLength: 1, maxLength: 12 }
)

type Mutation = { at: number; cut: number; put: string }

const mutate = (text: string, steps: readonly Mutation[]): string =>
  steps.reduce((now, { at, cut, put }) => {
    const start = Math.floor(at * now.length)
    return now.slice(0, start) + put + now.slice(start + cut)
  }, text)

t.test(
  'whatever becomes of the files, an import ends, says why it failed, or gives a sound configuration',
  async (t) => {
    fc.assert(
      fc.property(
        fc.constantFrom(...KEEPALIVED),
        fc.constantFrom(...HAPROXY),
        mutations,
        mutations,
        (one, other, first, second) => {
          const keepalived = { path: 'keepalived.conf', text: mutate(one, first) }
          const haproxy = { path: 'haproxy.cfg', text: mutate(other, second) }
          for (const result of [
            convert(keepalived, haproxy),
            convert(keepalived, undefined),
            convert(undefined, haproxy)
          ]) {
            formatReport(result.notes, result.carried, { colour: true })
            if (result.outcome !== 'done')
              return result.notes.some(({ level }) => level === 'error' || level === 'refused')
            if (parseConfig(result.yaml).config === undefined) return false
          }
          return true
        }
      ),
      runs(300)
    )
    t.pass('300 runs')
  }
)

/** Lines taken away, put elsewhere or brought in from another file: most of these still can be imported. */
const shuffles = fc.array(
  fc.record({ from: fc.nat(), to: fc.nat(), what: fc.constantFrom('remove', 'copy', 'move') }),
  { minLength: 1, maxLength: 3 }
)

type Shuffle = { from: number; to: number; what: string }

function shuffle(text: string, steps: readonly Shuffle[], files: readonly string[] = KEEPALIVED): string {
  const pool = files.flatMap((one) => one.split('\n')).filter((line) => !/^\s*$|[{}]/.test(line))
  const lines = text.split('\n')
  for (const { from, to, what } of steps) {
    const taken = what === 'copy' ? [pool[from % pool.length] ?? ''] : lines.splice(from % lines.length, 1)
    if (what !== 'remove') lines.splice(to % (lines.length + 1), 0, ...taken)
  }
  return lines.join('\n')
}

t.test('whatever passes the import passes the check', async (t) => {
  let done = 0
  fc.assert(
    fc.property(fc.constantFrom(...KEEPALIVED), shuffles, (text, steps) => {
      const { outcome, yaml, notes } = convert({ path: 'k', text: shuffle(text, steps) }, undefined)
      if (outcome !== 'done') return notes.some(({ level }) => level === 'error' || level === 'refused')
      done += 1
      return parseConfig(yaml).config !== undefined
    }),
    runs(400)
  )
  t.ok(done > 100, `${done} of 400 imported`)
})

t.test('whatever passes the import of haproxy.cfg passes the check', async (t) => {
  let done = 0
  fc.assert(
    fc.property(fc.constantFrom(...HAPROXY), shuffles, (text, steps) => {
      const { outcome, yaml, notes } = convert(undefined, { path: 'h', text: shuffle(text, steps, HAPROXY) })
      if (outcome !== 'done') return notes.some(({ level }) => level === 'error' || level === 'refused')
      done += 1
      return parseConfig(yaml).config !== undefined
    }),
    runs(300)
  )
  t.ok(done > 100, `${done} of 300 imported`)
})

t.test('no report holds a password', async (t) => {
  for (const line of [
    'auth_pass SECRET-and-too-long',
    'auth_type PASS auth_pass SECRET',
    'auth_pass $_SECRET',
    'auth_passs SECRET',
    'auth_pass "SECRET'
  ]) {
    const text = `vrrp_instance V {\ninterface e\nvirtual_router_id 1\nauthentication {\nauth_type PASS\n${line} # why\n}\nvirtual_ipaddress { 10.0.0.1 }\n}\n`
    const { notes, carried } = convert({ path: 'k', text }, undefined)
    t.notMatch(formatReport(notes, carried, { colour: false }), /SECRET/, line)
  }
})

t.test('neither the report nor the YAML holds a key of auth_hmac', async (t) => {
  for (const line of [
    'key 1 hex:SECRET',
    'key 1 SECRET',
    'key 1 "SECRET" SECRET',
    'key 300000 hex:SECRET',
    'key SECRET',
    'key 1 $_SECRET',
    'keys 1 SECRET',
    'SECRET',
    'SECRET # why',
    'mode enforce\nkey 1 SECRET'
  ]) {
    const instance = (name: string): string =>
      `vrrp_instance ${name} {\ninterface e\nvirtual_router_id ${name.length}\nauth_hmac {\nkey 2 hex:00\n${line}\n}\nvirtual_ipaddress { 10.0.0.${name.length} }\n}\n`
    const { notes, carried, yaml } = convert({ path: 'k', text: instance('V') + instance('VV') }, undefined)
    t.notMatch(formatReport(notes, carried, { colour: false }), /SECRET/, line)
    t.notMatch(JSON.stringify(notes), /SECRET/, line)
    t.notMatch(yaml, /SECRET/, line)
  }
})

t.test('neither the report nor the YAML holds a token of a check', async (t) => {
  for (const line of [
    'http-check send hdr Authorization "Bearer SECRET" # why',
    'http-check send meth GET uri /readyz hdr X-Token SECRET # why',
    'http-check send hdr SECRET',
    'tcp-check send SECRET # why',
    'stats auth admin:SECRET # why'
  ]) {
    const text = `listen a\nbind :1\noption httpchk\n${line}\nserver x 1.2.3.4:5 check\n`
    const { notes, carried, yaml, outcome } = convert(undefined, { path: 'h', text })
    t.equal(outcome, 'done')
    if (!line.endsWith('SECRET')) t.notMatch(formatReport(notes, carried, { colour: false }), /SECRET/, line)
    t.notMatch(yaml, /SECRET/, line)
  }
})

t.test('two keys never go to one file', async (t) => {
  const instance = (name: string, vrid: number, key: string): string =>
    `vrrp_instance ${name} {\ninterface e\nvirtual_router_id ${vrid}\nauth_hmac {\nkey 1 hex:${key}\n}\nvirtual_ipaddress { 10.0.0.${vrid} }\n}\n`
  const text = instance('A', 1, '00') + instance('B', 2, '00') + instance('C', 3, '11') + instance('D', 4, '22')
  const { yaml } = convert({ path: 'k', text }, undefined)
  const files = [...yaml.matchAll(/file: "([^"]+)"/g)].map((match) => match[1])
  t.strictSame(files, [
    '/etc/vipd/vrrp-1.key',
    '/etc/vipd/vrrp-1.key',
    '/etc/vipd/vrrp-C-1.key',
    '/etc/vipd/vrrp-D-1.key'
  ])
})

t.test('a control character of a file does not reach the terminal', async (t) => {
  const { notes, carried } = convert(undefined, {
    path: 'h',
    text: 'listen a\n\u001b]0;x\u0007 y\nbind :1\nserver x 1.2.3.4:5 check\n'
  })
  const report = formatReport(notes, carried, { colour: false })
  t.notOk(report.includes('\u001b') || report.includes('\u0007'))
})

t.test('more than 1 MiB is refused before it is read', async (t) => {
  const { outcome, notes } = convert(undefined, { path: 'h', text: 'listen a\n'.repeat(200_000) })
  t.equal(outcome, 'unreadable')
  t.equal(notes.length, 1)
})

t.test('large files of the worst kind end in time', async (t) => {
  const worst = [
    'listen a\nbind :1\nserver x 1.2.3.4:5 check\n'.repeat(2400),
    `listen a\nbind ${':1,'.repeat(300_000)}:2\nserver x 1.2.3.4:5\n`,
    `frontend f\nbind :1\ndefault_backend b\n${'frontend f\nbind :1\ndefault_backend b\n'.repeat(60)}backend b\n${'server x 1.2.3.4:5 check\n'.repeat(9000)}`,
    'defaults\ntimeout client 1s\n'.repeat(4500)
  ]
  for (const text of worst) {
    const start = performance.now()
    convert(undefined, { path: 'h', text })
    t.ok(performance.now() - start < 10_000, `${Math.round(performance.now() - start)} ms`)
  }
  const deep = { path: 'k', text: 'a {\n'.repeat(9000) }
  t.equal(convert(deep, undefined).outcome, 'unreadable')
  const many = {
    path: 'k',
    text: 'vrrp_instance V { interface e\nvirtual_router_id 1\nvirtual_ipaddress { 10.0.0.1 }\n}\n'.repeat(2400)
  }
  t.equal(convert(many, undefined).outcome, 'unreadable')
})

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { AdminServer } from '../../../src/admin/server.js'
import type { ReloadVerdict, Status } from '../../../src/admin/status.js'
import { statusTable } from '../../../src/cli/table.js'
import { bytes, flow, span, wrap } from '../../../src/cli/text.js'
import { conditionWords } from '../../../src/vrrp/condition-words.js'
import { fakeControl } from '../../fakes/control.js'
import { NOW, status } from '../../fakes/status.js'
import { vipd } from './vipd.js'

const golden = new URL('../../../../test/golden/status.txt', import.meta.url)

t.test('the status of the seed, to the letter', async (t) => {
  const table = statusTable(status(), { isColoured: false, now: NOW })
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(golden, table)
  t.equal(table, readFileSync(golden, 'utf8'))
})

const plain = (one: Status): string[] => statusTable(one, { isColoured: false, now: NOW }).trimEnd().split('\n')

const troubled = new URL('../../../../test/golden/status-troubled.txt', import.meta.url)

/** A cluster at 3 a.m.: nearly everything that can be said of an instance. */
function inTrouble(): Status {
  const one = status()
  const ago = (seconds: number): string => new Date(NOW - seconds * 1000).toISOString()
  const seen = { last_seen: ago(1), count: 12 }
  const peer = { address: '10.32.137.21', mac: '52:54:00:aa:bb:02' }
  const vrrp = one.vrrp.flatMap((instance): Status['vrrp'] => [
    {
      ...instance,
      effective_priority: 2,
      tier: 'local',
      sync_group: 'G1',
      sender: 'main loop',
      virtual_ipaddress: [...instance.virtual_ipaddress, { address: '10.9.0.99/24', dev: 'eth1', held: true }],
      tracked: [
        { name: 'interface eth1', state: 'up', weight: 0, detail: '' },
        {
          name: 'script chk_apiserver',
          state: 'down',
          weight: -20,
          detail: 'exit 1: curl: (7) Failed to connect\x1b[2J'
        },
        { name: 'process kubelet', state: 'init', weight: 10, detail: '' }
      ],
      conditions: [
        {
          name: 'two-masters',
          since: ago(130),
          ...seen,
          peer,
          detail: 'it advertises priority 88',
          mend: conditionWords['two-masters']
        },
        {
          name: 'no-adverts-heard',
          since: ago(4),
          ...seen,
          count: 1,
          peer: null,
          detail: 'x',
          mend: conditionWords['no-adverts-heard']
        }
      ]
    },
    {
      ...instance,
      name: 'VI_6',
      interface: 'bond0.123456789',
      version: 3,
      family: 'ipv6',
      state: 'FAULT',
      since: ago(61),
      fault: [
        'sync group G1: VI_1: cannot add 10.32.255.99/32 to bond0: EPERM: Operation not permitted',
        'interface bond0.123456789 does not exist'
      ],
      effective_priority: 0,
      sync_group: 'G1',
      socket: null,
      master: { address: 'fe80::5054:ff:feaa:bb02', priority: 150 },
      virtual_ipaddress: [{ address: 'fe80::99/64', held: false }]
    }
  ])
  return {
    ...one,
    vrrp,
    vrrp_sync_group: [{ name: 'G1', state: 'FAULT', group: ['VI_1', 'VI_6'] }],
    config: {
      ...one.config,
      problems: [`maxconn 20000 needs 80288 open files, ${'and more '.repeat(9)}are not to be had`]
    },
    proxy: one.proxy.map((service) => ({
      ...service,
      listening: false,
      fault: `cannot listen on 10.32.255.99:8443: another program listens there, ${'which is so '.repeat(4)}`.trim(),
      servers: service.servers.map((server) => ({ ...server, address: '[2001:db8:aaaa:bbbb:cccc:dddd:eeee:1]:6443' }))
    }))
  }
}

const busy = new URL('../../../../test/golden/status-servers.txt', import.meta.url)

/** Nearly everything that can be said of a service and its servers. */
function inMotion(): Status {
  const one = status()
  const ago = (seconds: number): string => new Date(NOW - seconds * 1000).toISOString()
  const [first] = one.proxy
  const [server] = first?.servers ?? []
  if (first === undefined || server === undefined) throw new Error('the fake has a service')
  const check = {
    type: 'http',
    result: 'L7OK',
    detail: '200',
    latency_ms: 3.2,
    at: ago(1),
    streak: 0,
    rise: 2,
    fall: 3
  }
  const none = { current: 0, total: 1201 }
  const mend = 'give the check a client certificate or a token, or let anonymous requests read /readyz'
  const servers: Status['proxy'][number]['servers'] = [
    { ...server, check, weight: 100, effective_weight: 43.75, slowstart_percent: 43, since: ago(9) },
    {
      ...server,
      name: 'apiserver02',
      status: 'DRAIN',
      admin: 'drain',
      check,
      serving: false,
      drain: { since: ago(75), sessions_left: 12 },
      sessions: { current: 12, total: 9 },
      reason: 'drains by order: `vipd server https-apiserver/apiserver02 ready` ends it'
    },
    {
      ...server,
      name: 'apiserver03',
      status: 'MAINT',
      admin: 'maint',
      serving: false,
      check: { ...check, result: 'INI', detail: '', latency_ms: null },
      sessions: none,
      reason: 'in maintenance, by order: `vipd server https-apiserver/apiserver03 ready` brings it in'
    },
    {
      ...server,
      name: 'apiserver04',
      status: 'DRAIN',
      check: { ...check, result: 'L7STS', detail: `401 Unauthorized: alive, not known whether ready: ${mend}` },
      failures_in_row: 3,
      reason: `alive, but whether it is ready is not known: L7STS 401 Unauthorized: ${mend}; no server is ready, so it gets connections`
    },
    {
      ...server,
      name: 'spare',
      backup: true,
      serving: true,
      check: null,
      agent: { result: 'L7OK', detail: 'up 50%', state: 'ready', weight_percent: 50, maxconn: null, at: ago(3) },
      reason: null,
      effective_weight: 0.5
    }
  ]
  const timeouts = { connect: 1, client: 2, server: 3, queue: 4, handshake: 5 }
  const rebalance = { max_skew: 1.5, per_minute: 6, skew: 1.82, asked: 14 }
  return {
    ...one,
    vrrp: [],
    log: {
      sessions: 1,
      sessions_dropped: 20,
      lines_dropped: 300,
      syslog: [
        { target: '127.0.0.1:514', sent: 0, waiting: 7, dropped: 12, error: 'ECONNREFUSED' },
        { target: '/dev/log', sent: 5, waiting: 0, dropped: 0, error: null }
      ]
    },
    proxy: [
      {
        ...first,
        algorithm: 'random(2)',
        serving: 'fail-open',
        fail_open: true,
        fault: 'cannot listen on unix@/run/api.sock: EACCES: permission denied',
        queued: 31,
        refused: 6,
        denied: 7,
        source_limited: 8,
        malformed: 9,
        accept_pauses: 10,
        timeouts,
        aborts: { client: 11, server: 12 },
        rebalance,
        servers,
        leaving: [{ name: 'apiserver09', since_s: 75, sessions: 1 }]
      },
      {
        ...first,
        name: 'metrics',
        bind: [],
        serving: 'none',
        rebalance: { ...rebalance, skew: null },
        servers: [{ ...server, name: 'm'.repeat(64), address: '[2001:db8:aaaa:bbbb:cccc:dddd:eeee:1]:6443', weight: 2 }]
      },
      { ...first, name: 'backed', serving: 'backup', servers: [server] }
    ]
  }
}

t.test('the status of servers in every state, to the letter', async (t) => {
  const table = statusTable(inMotion(), { isColoured: false, now: NOW })
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(busy, table)
  t.equal(table, readFileSync(busy, 'utf8'))
})

t.test('the status of a node in trouble, to the letter', async (t) => {
  const table = statusTable(inTrouble(), { isColoured: false, now: NOW })
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(troubled, table)
  t.equal(table, readFileSync(troubled, 'utf8'))
})

t.test('sentences are cut at spaces, to fit', async (t) => {
  t.strictSame(flow(['a', 'b'], ', ', '  '), ['  a, b'])
  t.strictSame(flow([], ', ', '  '), [])
  const [first = '', second = ''] = flow(['a'.repeat(60), 'b'.repeat(60)], ', ', '  ')
  t.strictSame([first, second], [`  ${'a'.repeat(60)},`, `  ${'b'.repeat(60)}`])
  t.strictSame(wrap('  ! ', `${'a'.repeat(90)} b ${'c'.repeat(20)}`), [
    `  ! ${'a'.repeat(90)} b`,
    `    ${'c'.repeat(20)}`
  ])
  t.strictSame(wrap('', 'x'.repeat(120)), ['x'.repeat(120)], 'what has no space is not cut')
})

t.test('a table is at most 100 columns wide, in every state', async (t) => {
  const healthy = status()
  const faulty: Status = {
    ...healthy,
    vrrp: healthy.vrrp.map((one) => ({
      ...one,
      state: 'FAULT',
      fault: ['link down: bond0 has no carrier'],
      effective_priority: 0,
      master: null
    })),
    process: { ...healthy.process, data_plane_alive: false }
  }
  for (const one of [healthy, faulty, inTrouble(), inMotion()])
    for (const line of plain(one)) t.ok(line.length <= 100, `${line.length}: ${line}`)
})

t.test('colour changes no letter and no column', async (t) => {
  const coloured = statusTable(status(), { isColoured: true, now: NOW })
  for (const one of [status(), inTrouble(), inMotion()]) {
    const painted = statusTable(one, { isColoured: true, now: NOW })
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the colours
    t.equal(painted.replace(/\x1b\[\d+m/g, ''), statusTable(one, { isColoured: false, now: NOW }))
  }
  t.match(coloured, '\x1b[32mMASTER\x1b[0m')
  t.match(coloured, '\x1b[31mDOWN')
})

t.test('what is not as it should be is said beside it', async (t) => {
  const one = status()
  const text = plain({
    ...one,
    config: { ...one.config, problems: ['maxconn 20000 needs more'] },
    vrrp: one.vrrp.map((instance) => ({
      ...instance,
      state: 'FAULT',
      fault: ['link down', 'deaf'],
      effective_priority: 0
    })),
    proxy: one.proxy.map((service) => ({ ...service, listening: false, fault: 'port taken', maxconn_effective: 10 })),
    process: { ...one.process, data_plane_alive: false }
  }).join('\n')
  t.match(text, 'FAULT for 1d 2h (link down, deaf)')
  t.match(text, 'priority 0 (configured 100)')
  t.match(text, 'NOT LISTENING: port taken')
  t.match(text, 'limit 10 (configured 20000)')
  t.match(text, '! maxconn 20000 needs more')
  t.match(text, '! the data plane stands still')
})

t.test('spans and bytes', async (t) => {
  t.strictSame([0, 1, 59, 60, 61, 3600, 3661, 86_400, 93_784, 90_061].map(span), [
    '0s',
    '1s',
    '59s',
    '1m',
    '1m 1s',
    '1h',
    '1h 1m',
    '1d',
    '1d 2h',
    '1d 1h'
  ])
  t.strictSame([0, 1, 999, 1000, 1024, 1536, 999_999, 1_048_576, 5e9, 7e15].map(bytes), [
    '0',
    '1',
    '999',
    '1.0K',
    '1.0K',
    '1.5K',
    '976.6K',
    '1.0M',
    '4.7G',
    '6.2P'
  ])
})

const GOOD = `vrrp:
  - { name: VI_1, interface: bond0, virtual_router_id: 88, virtual_ipaddress: [ 10.32.255.99 ] }
`

t.test('exit codes and words of the program', { jobs: 2 }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'vipd-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const file = (name: string, text: string): string => {
    const path = join(folder, name)
    writeFileSync(path, text)
    return path
  }

  t.test('check of a good file: 0, and one line', async (t) => {
    const path = file('good.yaml', GOOD)
    t.strictSame(await vipd('check', '-c', path), {
      code: 0,
      out: `${path}: ok: 1 VRRP instance, 0 services\n`,
      err: ''
    })
  })
  t.test('check of a bad file: 2, and every problem with its place', async (t) => {
    const path = file('bad.yaml', GOOD.replace('88', '300').replace('bond0', '""'))
    const { code, out, err } = await vipd('check', '-c', path)
    t.equal(code, 2)
    t.equal(out, '')
    t.strictSame(
      err
        .trimEnd()
        .split('\n')
        .map((line) => line.slice(0, line.indexOf(': '))),
      [`${path}:2:30`, `${path}:2:53`]
    )
  })
  t.test('check and run of a file that is not there: 2, and no stack trace', async (t) => {
    const path = join(folder, 'none.yaml')
    for (const command of ['check', 'run']) {
      const { code, err } = await vipd(command, '-c', path)
      t.equal(code, 2)
      t.equal(
        err,
        `${path}:1:1: cannot be read: there is no such file: name another one, or have \`vipd import\` make it\n`
      )
    }
  })
  t.test('a warning is no error for the daemon, and a problem for check', async (t) => {
    const path = file('warning.yaml', GOOD.replace(' }', ', authentication: { auth_pass: "123456789" } }'))
    const { code, err } = await vipd('check', '-c', path)
    t.equal(code, 2)
    t.match(err, /warning: the password has 9 bytes/)
    t.notMatch(err, /123456789/)
  })
  t.test('wrong usage: 2', async (t) => {
    for (const words of [[], ['chekc'], ['check'], ['status', '--jsn'], ['check', '-c']]) {
      const { code, out, err } = await vipd(...words)
      t.equal(code, 2, words.join(' '))
      t.equal(out, '')
      t.notMatch(err, /^ +at /m)
    }
  })
  t.test('--help and --version: 0', async (t) => {
    const help = await vipd('--help')
    t.equal(help.code, 0)
    for (const command of [
      'run',
      'check',
      'doctor',
      'failover',
      'import',
      'status',
      'server',
      'sessions',
      'reload',
      'release'
    ])
      t.match(help.out, `vipd ${command}`)
    t.match((await vipd('--version')).out, /^\d+\.\d+\.\d+\n$/)
    t.equal((await vipd('status', '--help')).code, 0)
  })
  t.test('status without a daemon: 1, in one sentence', async (t) => {
    const { code, err } = await vipd('status', '--socket', join(folder, 'none.sock'))
    t.equal(code, 1)
    t.match(err, /^vipd: vipd is not running here: .*\n$/)
  })
  t.test('status and reload of a daemon', async (t) => {
    const socket = join(folder, 'vipd.sock')
    let verdict: ReloadVerdict = { verdict: 'unchanged', problems: [], applied: [], changes: [] }
    const server = new AdminServer(fakeControl({ reload: async () => verdict }), () => undefined)
    await server.listenUnix(socket)
    t.teardown(() => server.close())
    const json = await vipd('status', '--json', '--socket', socket)
    t.equal(json.code, 0)
    t.strictSame(JSON.parse(json.out), status())
    t.match((await vipd('status', '--socket', socket)).out, /^vipd 0\.1\.0 on master01/)
    t.equal((await vipd('reload', '--socket', socket)).code, 0)
    verdict = { verdict: 'invalid', problems: ['f:1:1: x'], applied: [], changes: [] }
    t.match(await vipd('reload', '--socket', socket), { code: 2, err: /^f:1:1: x\n/ })
    verdict = { verdict: 'applied', problems: ['f:1:1: warning: x'], applied: ['b: 3 → 4', 'c: added'], changes: [] }
    t.strictSame(await vipd('reload', '--socket', socket), {
      code: 0,
      out: 'applied:\n  b: 3 → 4\n  c: added\n',
      err: 'f:1:1: warning: x\n'
    })
    verdict = { verdict: 'needs-restart', problems: [], applied: ['b: 3 → 4'], changes: ['a: 1 → 2'] }
    t.match(await vipd('reload', '--socket', socket), {
      code: 1,
      out: 'applied:\n  b: 3 → 4\nafter a restart:\n  a: 1 → 2\n',
      err: /needs a restart/
    })
    verdict = { verdict: 'needs-restart', problems: [], applied: [], changes: ['a: 1 → 2'] }
    t.match(await vipd('reload', '--socket', socket), { code: 1, out: 'after a restart:\n  a: 1 → 2\n' })
  })
})

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { loadConfig, parseConfig } from '../../../src/config/load.js'
import { formatProblem } from '../../../src/config/problem.js'

/** Every problem of a text, as `vipd check -c vipd.yaml` prints them. */
const problemsOf = (yaml: string): string[] =>
  parseConfig(yaml).problems.map((problem) => formatProblem('vipd.yaml', problem))

const VRRP = `vrrp:
  - name: VI_1
    interface: bond0
    virtual_router_id: 88
    virtual_ipaddress: [ 10.32.255.99 ]
`
const PROXY = `proxy:
  - name: api
    bind: [ 10.32.255.99:8443 ]
    servers:
      - { name: a, address: 10.0.0.1:6443 }
`

const bad: readonly [what: string, yaml: string, ...problems: string[]][] = [
  [
    'an unknown key, with the nearest known one',
    VRRP.replace('interface', 'interfase'),
    'vipd.yaml:2:5: `interface` is missing: it must be the name of an interface, like eth0',
    'vipd.yaml:3:5: unknown key `interfase`: did you mean `interface`?'
  ],
  [
    'a word of keepalived that is no key here',
    `${VRRP}    state: MASTER\n`,
    'vipd.yaml:6:5: unknown key `state`: leave it out: the election is by priority'
  ],
  ['nopreempt', `${VRRP}    nopreempt: true\n`, 'vipd.yaml:6:5: unknown key `nopreempt`: write `preempt: false`'],
  [
    'an unknown key at the top',
    `foo: 1\n${VRRP}`,
    'vipd.yaml:1:1: unknown key `foo`: known here: admin, log, maxconn, nbthread, hard_stop_after, peers, global_defs, vrrp_script, vrrp_track_file, vrrp_track_process, vrrp_sync_group, vrrp, proxy'
  ],
  [
    'a wrong type',
    VRRP.replace('88', 'eighty'),
    'vipd.yaml:4:24: `virtual_router_id` must be a whole number from 1 to 255'
  ],
  [
    'a list that is none',
    VRRP.replace('[ 10.32.255.99 ]', '10.32.255.99'),
    'vipd.yaml:5:24: `virtual_ipaddress` must be a list of addresses, like [ 10.0.0.99 ]'
  ],
  [
    'an address that is none',
    VRRP.replace('10.32.255.99', '10.32.255.299'),
    'vipd.yaml:5:26: item 1 of `virtual_ipaddress` must be an address, like 10.0.0.99 or 10.0.0.99/24, or a map of address, dev, label, scope, brd'
  ],
  [
    'an empty list',
    VRRP.replace('[ 10.32.255.99 ]', '[]'),
    'vipd.yaml:5:24: `virtual_ipaddress` needs at least one of addresses, like [ 10.0.0.99 ]'
  ],
  [
    'a VRID twice on an interface',
    `${VRRP}${VRRP.replace('vrrp:\n', '').replace('VI_1', 'VI_2').replace('10.32.255.99', '10.32.255.98')}`,
    'vipd.yaml:8:24: VRID 88 is already used on bond0 by VI_1: give each group on a link its own, 1 to 255'
  ],
  [
    'a VIP in two instances',
    `${VRRP}${VRRP.replace('vrrp:\n', '').replace('VI_1', 'VI_2').replace('88', '89')}`,
    'vipd.yaml:9:26: 10.32.255.99/32 already belongs to VI_1: an address has one instance'
  ],
  [
    'a VIP twice in one instance',
    VRRP.replace('10.32.255.99', '10.32.255.99, 10.32.255.99'),
    'vipd.yaml:5:40: 10.32.255.99/32 stands twice in VI_1: once is enough'
  ],
  [
    'a name twice',
    `${VRRP}${VRRP.replace('vrrp:\n', '').replace('88', '89').replace('10.32.255.99', '10.32.255.98')}`,
    'vipd.yaml:6:11: another instance is already called VI_1: names must differ'
  ],
  [
    'a password longer than 8 bytes',
    `${VRRP}    authentication: { auth_pass: "123456789" }\n`,
    'vipd.yaml:6:34: warning: the password has 9 bytes and only the first 8 count, as in keepalived: write those 8'
  ],
  [
    'a password that YAML takes for a number',
    `${VRRP}    authentication: { auth_pass: 1111 }\n`,
    'vipd.yaml:6:34: `auth_pass` must be text: put it in quotes, like "1111"'
  ],
  [
    'AH',
    `${VRRP}    authentication: { auth_type: AH, auth_pass: "1" }\n`,
    'vipd.yaml:6:34: `auth_type` must be PASS: AH (HMAC-MD5) was dropped from VRRP by RFC 3768; write `auth_hmac: { key: [ { id: 1, file: /etc/vipd/vrrp.key } ] }` instead of `authentication`'
  ],
  [
    'another authentication',
    `${VRRP}    authentication: { auth_type: MD5, auth_pass: "1" }\n`,
    'vipd.yaml:6:34: `auth_type` must be PASS'
  ],
  [
    'priority 256',
    `${VRRP}    priority: 256\n`,
    'vipd.yaml:6:15: `priority` must be a whole number from 1 to 255: 255 is for the owner of the address'
  ],
  [
    'priority 0',
    `${VRRP}    priority: 0\n`,
    'vipd.yaml:6:15: `priority` must be a whole number from 1 to 255: 255 is for the owner of the address'
  ],
  [
    'priority 1.5',
    `${VRRP}    priority: 1.5\n`,
    'vipd.yaml:6:15: `priority` must be a whole number from 1 to 255: 255 is for the owner of the address'
  ],
  [
    'a sub-second advert_int with version 2',
    `${VRRP}    advert_int: 500ms\n`,
    'vipd.yaml:6:17: VRRP version 2 counts whole seconds, 1s to 255s: use one of these, or `version: 3` on every node'
  ],
  [
    'an advert_int that version 3 cannot say',
    `${VRRP}    version: 3\n    advert_int: 15ms\n`,
    'vipd.yaml:7:17: VRRP version 3 counts steps of 10ms, 10ms to 40950ms'
  ],
  [
    'an advert_int that is too long for version 3',
    `${VRRP}    version: 3\n    advert_int: 41s\n`,
    'vipd.yaml:7:17: VRRP version 3 counts steps of 10ms, 10ms to 40950ms'
  ],
  [
    'a duration that is none',
    `${VRRP}    advert_int: soon\n`,
    'vipd.yaml:6:17: `advert_int` must be a duration from 10ms to 255s, like 5s or 500ms (a bare number means seconds here)'
  ],
  [
    'a password with version 3',
    `${VRRP}    version: 3\n    authentication: { auth_pass: "1" }\n`,
    'vipd.yaml:7:21: VRRP version 3 has no passwords: remove `authentication`, or use `version: 2`; adverts that cannot be forged are what `auth_hmac` is for'
  ],
  [
    'two listeners on one port',
    `${PROXY}${PROXY.replace('proxy:\n', '').replace('api', 'api2').replace('10.32.255.99:8443', '0.0.0.0:8443')}`,
    'vipd.yaml:7:13: 0.0.0.0:8443 clashes with 10.32.255.99:8443 of api: give each listener its own address and port'
  ],
  [
    'a proxy that calls itself',
    PROXY.replace('10.0.0.1:6443', '10.32.255.99:8443'),
    'vipd.yaml:5:29: 10.32.255.99:8443 is where api itself listens: the proxy would call itself'
  ],
  [
    'a server by its name',
    PROXY.replace('10.0.0.1:6443', 'apiserver01:6443'),
    'vipd.yaml:5:29: `address` must be ADDRESS:PORT, like 10.0.0.1:6443 or [fd00::1]:6443 (names are not resolved)'
  ],
  [
    'a service without servers',
    PROXY.split('    servers')[0] ?? '',
    'vipd.yaml:2:5: `servers` is missing: it must be a list of servers, like { name: a, address: 10.0.0.1:6443 }'
  ],
  ['mode http', `${PROXY}    mode: http\n`, 'vipd.yaml:6:11: `mode` must be tcp'],
  [
    'a check of another kind',
    PROXY.replace('6443 }', '6443, check: { type: smtp } }'),
    'vipd.yaml:5:59: `type` must be one of tcp, http, https, exec, icmp, agent'
  ],
  [
    'a word in a check',
    PROXY.replace('6443 }', '6443, check: { fal: 2 } }'),
    'vipd.yaml:5:53: unknown key `fal`: did you mean `fall`?'
  ],
  [
    'check: true',
    PROXY.replace('6443 }', '6443, check: true }'),
    'vipd.yaml:5:51: `check` must be a map (type, inter, rise, fall, …), or false for a server that is always UP'
  ],
  [
    'inter beside the check',
    PROXY.replace('6443 }', '6443, inter: 5s }'),
    'vipd.yaml:5:44: unknown key `inter`: it belongs under `check`'
  ],
  ['an empty file', '', 'vipd.yaml:1:1: the file is empty: it needs at least `vrrp:` or `proxy:`'],
  [
    'a file that is a list',
    '- a\n',
    'vipd.yaml:1:1: the file must be a map: admin, log, peers, global_defs, vrrp, proxy'
  ],
  [
    'a key twice',
    `${VRRP}    priority: 1\n    priority: 2\n`,
    'vipd.yaml:7:5: this key stands twice in one map: keep one of them'
  ],
  ['a tab', 'vrrp:\n\t- name: x\n', 'vipd.yaml:2:1: a tab cannot indent YAML: use spaces']
]

for (const [what, yaml, ...expected] of bad) {
  t.test(`${what} is told with its place and what would be right`, async (t) => {
    t.strictSame(problemsOf(yaml), expected)
    const { config, problems } = parseConfig(yaml)
    t.equal(
      config === undefined,
      problems.some((one) => one.severity === 'error'),
      'an error is no configuration'
    )
  })
}

t.test('broken YAML is told with its place', async (t) => {
  const [first] = problemsOf('vrrp: [ { name: "x }\n')
  t.match(first, /^vipd\.yaml:\d+:\d+: broken YAML: /)
  t.match(problemsOf('a: {{{{\n'), [/^vipd\.yaml:/])
})

t.test('all of them at once, of every kind, in the order of the file', async (t) => {
  const yaml = `admin: { sokcet: /x }
vrrp:
  - name: VI_1
    interface: bond0
    virtual_router_id: 88
    priority: 300
    virtual_ipaddress: [ 10.32.255.99 ]
  - name: VI_2
    interface: bond0
    virtual_router_id: 88
    advert_int: 500ms
    virtual_ipaddress: [ 10.32.255.99 ]
    authentication: { auth_pass: "123456789" }
proxy:
  - name: api
    bind: [ 10.32.255.99:99999 ]
    servers: []
`
  t.strictSame(
    problemsOf(yaml).map((line) => line.replace(/: .*/, '')),
    ['1:10', '6:15', '10:24', '11:17', '12:26', '13:34', '16:13', '17:14'].map((at) => `vipd.yaml:${at}`)
  )
})

t.test('an instance whose interface or VRID is wrong is checked for everything else all the same', async (t) => {
  const other = (interfaceName: string, vrid: string): string =>
    `  - { name: VI_1, interface: ${interfaceName}, virtual_router_id: ${vrid}, virtual_ipaddress: [ 10.32.255.99 ] }\n`
  const said = problemsOf(`${VRRP}${other('no/name', '88')}${other('bond0', '256')}${other('bond0', 'x')}`)
  const count = (pattern: RegExp): number => said.filter((line) => pattern.test(line)).length
  t.equal(said.length, 9)
  t.equal(count(/another instance is already called VI_1/), 3)
  t.equal(count(/10\.32\.255\.99\/32 already belongs to VI_1/), 3)
  t.equal(count(/`virtual_router_id` must be/), 2)
  t.equal(count(/`interface` must be/), 1)
})

t.test('a file that cannot be read is a problem at its first line', async (t) => {
  const folder = t.testdir({ 'good.yaml': VRRP, folder: {} })
  const why = async (file: string) => (await loadConfig(file)).problems.map((one) => formatProblem('f', one))
  t.strictSame(await why(join(folder, 'none.yaml')), [
    'f:1:1: cannot be read: there is no such file: name another one, or have `vipd import` make it'
  ])
  t.strictSame(await why(join(folder, 'folder')), ['f:1:1: cannot be read: it is a directory: name a file in it'])
  t.strictSame(await why(join(folder, 'good.yaml')), [])
  t.match((await loadConfig(join(folder, 'good.yaml'))).config, { vrrp: [{ name: 'VI_1' }] })
})

t.test('a file that is far too long is not read', async (t) => {
  const file = join(t.testdir(), 'long.yaml')
  writeFileSync(file, `# ${'x'.repeat(2 << 20)}\n`)
  t.match((await loadConfig(file)).problems, [{ message: /larger than 1048576 bytes/ }])
})

t.test('a document that multiplies itself by aliases is refused', async (t) => {
  const rows = ['a: &a [x, x, x, x, x, x, x, x, x]']
  for (const [i, key] of [...'bcdefgh'].entries())
    rows.push(`${key}: &${key} [${Array(9).fill(`*${'abcdefgh'[i]}`).join(', ')}]`)
  t.match(problemsOf(rows.join('\n')), [/cannot be expanded/])
})

t.test('nothing that YAML can say makes it throw', async (t) => {
  const nasty = [
    'null',
    '~',
    '[]',
    '{}',
    '42',
    '"x"',
    'vrrp:',
    'vrrp: [null]',
    'vrrp: [[]]',
    'proxy: [{servers: [1]}]',
    '? {a: 1}\n: 2',
    '<<: {a: 1}',
    '__proto__: {x: 1}',
    'vrrp: {0: {}}',
    'a: *nope',
    '%TAG ! x',
    '---\n---\n',
    'vrrp: [{authentication: x}]',
    'proxy: [{bind: {}}]',
    'vrrp: !!binary aGk=',
    'constructor: 1',
    'vrrp: [{name: [], __proto__: 1}]',
    'global_defs: []',
    'global_defs: { notification_email: {} }',
    'vrrp_script: [null, [], {name: {}}]',
    'vrrp_sync_group: [{group: [{}]}]',
    'vrrp: [{virtual_ipaddress: [[], {}, null, {address: {}}], unicast_peer: [{}], track_script: [{name: []}]}]',
    'vrrp: [{auth_hmac: {key: {}}}]',
    'vrrp: &a [*a]',
    'vrrp: [&b {virtual_ipaddress: [*b], unicast_peer: [*b]}]'
  ]
  for (const yaml of nasty) t.ok(problemsOf(yaml).length > 0 || yaml === '{}', yaml)
})

t.test('a password is in no message', async (t) => {
  const yaml = `${VRRP}    authentication: { auth_pass: "hunter22x", auth_typ: PASS }\n`
  t.notMatch(problemsOf(yaml).join('\n'), /hunter/)
})

t.test('every default is filled in', async (t) => {
  const { config, problems } = parseConfig(VRRP + PROXY)
  t.strictSame(problems, [])
  t.strictSame(config, {
    admin: { socket: '/run/vipd/vipd.sock' },
    logLevel: 'info',
    syslog: [],
    maxconn: undefined,
    threads: undefined,
    hardStopAfterMs: 5000,
    peers: null,
    global: {
      routerId: null,
      mail: {
        to: [],
        from: null,
        server: null,
        heloName: null,
        connectTimeoutMs: 30_000,
        alert: false,
        noFaults: false
      },
      startupDelayMs: 0,
      scriptUser: null,
      fifos: [],
      fifoPriorityChanges: false,
      realTimePriority: 50
    },
    scripts: [],
    trackFiles: [],
    trackProcesses: [],
    groups: [],
    vrrp: [
      {
        name: 'VI_1',
        interface: 'bond0',
        virtualRouterId: 88,
        family: 4,
        version: 2,
        priority: 100,
        advertIntMs: 1000,
        preempt: true,
        preemptDelayMs: 0,
        downTimerAdverts: 3,
        startupDelayMs: null,
        linkStableMs: 0,
        listenFirstMs: 30_000,
        checksum: 'pseudo-header',
        authentication: null,
        authHmac: null,
        source: null,
        group: '224.0.0.18',
        unicast: null,
        virtualIpaddress: [
          {
            address: '10.32.255.99',
            family: 4,
            length: 32,
            dev: null,
            label: null,
            scope: 0,
            broadcast: null,
            noDad: true
          }
        ],
        virtualIpaddressExcluded: [],
        arpProbe: true,
        garp: {
          repeat: 5,
          delayMs: 5000,
          refreshMs: 60_000,
          refreshRepeat: 1,
          lowerPrioRepeat: 5,
          lowerPrioDelayMs: 5000,
          intervalMs: 0,
          gnaIntervalMs: 0
        },
        track: { interfaces: [], scripts: [], files: [], processes: [] },
        notify: { master: null, backup: null, fault: null, stop: null, any: null, smtpAlert: null },
        given: { mcastSrcIp: false, mcastDstIp: false, unicastSrcIp: false }
      }
    ],
    proxy: [
      {
        name: 'api',
        bind: [
          {
            kind: 'tcp',
            host: '10.32.255.99',
            family: 4,
            port: 8443,
            acceptProxy: false,
            maxconn: null,
            v4v6: false,
            interface: null
          }
        ],
        balance: { algorithm: 'roundrobin', draws: 2 },
        hashType: 'map-based',
        balanceFactor: 125,
        rebalance: null,
        retries: 3,
        redispatch: true,
        allbackups: false,
        abortsOnClose: false,
        maxconn: 20_000,
        rateLimit: 0,
        sourceMaxconn: 0,
        allow: [],
        deny: [],
        sni: [],
        isTransparent: false,
        backlog: 20_000,
        timeout: {
          connectMs: 5000,
          clientMs: 0,
          serverMs: 0,
          tunnelMs: 0,
          clientFinMs: 0,
          serverFinMs: 0,
          queueMs: 5000,
          clientHsMs: 5000
        },
        userTimeoutMs: 60_000,
        keepalive: { idleMs: 30_000, intervalMs: 10_000, count: 3 },
        sessionLog: 'off',
        logSample: 100,
        logFormat: 'fields',
        servers: [
          {
            name: 'a',
            address: { host: '10.0.0.1', family: 4, port: 6443 },
            weight: 1,
            check: {
              type: 'tcp',
              host: '10.0.0.1',
              port: 6443,
              interMs: 2000,
              fastinterMs: 2000,
              downinterMs: 2000,
              rise: 2,
              fall: 3,
              spreadPercent: 0,
              timeoutMs: 2000,
              sendProxy: false,
              http: null,
              command: null,
              user: null,
              send: ''
            },
            agent: null,
            maxconn: 0,
            slowstartMs: 0,
            observe: true,
            errorLimit: 10,
            onError: 'fail-check',
            closesWhenDown: true,
            closesBackupsWhenUp: false,
            sendProxy: null,
            source: null,
            isBackup: false,
            isDisabled: false
          }
        ]
      }
    ]
  })
})

t.test('a bare number means seconds for vrrp and milliseconds for proxy', async (t) => {
  const { config } = parseConfig(`${VRRP}    advert_int: 2
    garp_master_delay: 7
${PROXY}    timeout: { connect: 1500, server: 900s }
    default_server: { check: { inter: 5000, fall: 5 } }
hard_stop_after: 250
`)
  t.match(config?.vrrp[0], { advertIntMs: 2000, garp: { delayMs: 7000 } })
  t.match(config?.proxy[0]?.timeout, { connectMs: 1500, serverMs: 900_000 })
  t.match(config?.proxy[0]?.servers[0]?.check, { interMs: 5000, fall: 5, rise: 2, timeoutMs: 5000 })
  t.equal(config?.hardStopAfterMs, 250)
})

t.test(
  'a server takes what it does not say from default_server; check: false turns it off, and on again',
  async (t) => {
    const { config } = parseConfig(`proxy:
  - name: api
    bind: [ 10.0.0.9:8443 ]
    timeout: { check: 1s }
    default_server: { weight: 3, check: { inter: 5s, fall: 5, spread: 3% } }
    servers:
      - { name: a, address: 10.0.0.1:6443 }
      - { name: b, address: 10.0.0.2:6443, weight: 0, check: { fall: 2, port: 8080, addr: 10.0.0.7 } }
      - { name: c, address: 10.0.0.3:6443, check: false }
      - { name: d, address: "[fd00::1]:6443", check: { inter: 500ms } }
`)
    t.match(config?.proxy[0]?.servers, [
      { weight: 3, check: { interMs: 5000, fall: 5, spreadPercent: 3, timeoutMs: 1000, host: '10.0.0.1', port: 6443 } },
      { weight: 0, check: { interMs: 5000, fall: 2, host: '10.0.0.7', port: 8080 } },
      { weight: 3, check: null },
      { address: { family: 6, host: 'fd00::1' }, check: { interMs: 500, timeoutMs: 500 } }
    ])
  }
)

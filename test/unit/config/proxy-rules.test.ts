import { silent, told } from './table.js'

/** A service with further lines of its own, its first server at 6443. */
const service = (...lines: readonly string[]): string =>
  `proxy:\n${another('api', 'bind: [ 10.0.0.9:8443 ]', ...lines)}`

const SERVERS = 'servers: [ { name: a, address: 10.0.0.1:6443 }, { name: b, address: 10.0.0.2:6443 } ]'

const another = (name: string, ...lines: readonly string[]): string =>
  [
    `  - name: ${name}`,
    ...[...lines, ...(lines.some((one) => one.startsWith('servers:')) ? [] : [SERVERS])].map((one) => `    ${one}`),
    ''
  ].join('\n')

const check = (...keys: readonly string[]): string => service(`default_server: { check: { ${keys.join(', ')} } }`)
const TLS = 'type: https, ca_file: /ca.crt'

// Listeners, limits, who is let in.
told([
  [
    'one unix socket twice',
    service().replace('10.0.0.9:8443', 'unix@/run/a, unix@/run/a'),
    'f:3:26: unix@/run/a clashes with unix@/run/a of api: give each listener a socket of its own'
  ],
  [
    'one inherited socket in two services',
    `${service().replace('10.0.0.9:8443', 'fd@3')}${another('b', 'bind: [ fd@3 ]')}`,
    'f:6:13: fd@3 clashes with fd@3 of api: give each listener a socket of its own'
  ],
  [
    'a standard stream',
    service().replace('10.0.0.9:8443', 'fd@2'),
    'f:3:13: item 1 of `bind` must be ADDRESS:PORT, *:PORT, [::]:PORT, unix@/PATH, fd@NAME or fd@NUMBER (3 or more), or a map of address and options (names are not resolved)'
  ],
  [
    'v4v6 beside the same port of IPv4',
    service().replace('10.0.0.9:8443', '10.0.0.9:8443, { address: "[::]:8443", v4v6: true }'),
    'f:3:28: [::]:8443 clashes with 10.0.0.9:8443 of api: give each listener its own address and port'
  ],
  [
    'words of another kind of listener',
    service().replace('10.0.0.9:8443', '{ address: 10.0.0.9:8443, mode: "660" }, { address: fd@3, interface: eth0 }'),
    'f:3:45: `mode` is for a unix socket alone: leave it out',
    'f:3:82: `interface` is for an address and port alone: leave it out'
  ],
  [
    'a limit of a listener that is never reached',
    service('maxconn: 100').replace('10.0.0.9:8443', '{ address: 10.0.0.9:8443, maxconn: 200 }'),
    'f:3:48: warning: api has `maxconn: 100`, so 200 is never reached: raise that, or lower this'
  ],
  [
    'a limit of an address that is never reached',
    service('maxconn: 100', 'source_maxconn: 100'),
    'f:5:21: warning: api has `maxconn: 100`, so one address never reaches 100: lower it'
  ],
  [
    'an allowed network that is denied',
    service('deny: [ 10.0.0.0/8 ]', 'allow: [ 10.1.0.0/16, 192.168.0.0/16 ]'),
    'f:5:14: warning: 10.1.0.0/16 lies in 10.0.0.0/8 of `deny`, which comes first: nobody from there is let in. Take one of them out'
  ],
  [
    'a sample of nothing',
    service('session_log: all', 'log_sample: 10'),
    'f:5:17: warning: `log_sample` counts with `session_log: sampled` alone: write that, or leave it out'
  ],
  [
    'transparent clients without an address',
    service('transparent: true').replace('10.0.0.9:8443', '10.0.0.9:8443, unix@/run/a'),
    'f:3:28: warning: clients of unix@/run/a have no address, so `transparent` does nothing for them: bind an address and port, or add `accept_proxy: true`'
  ]
])

// Routes.
told([
  [
    'a route that leads nowhere',
    service('sni: [ { servername: [ a.example.com ], service: ectd } ]') + another('etcd', 'bind: [ 10.0.0.9:2379 ]'),
    'f:4:54: `proxy` has no entry ectd: did you mean etcd?'
  ],
  [
    'a route to itself',
    service('sni: [ { servername: [ a.example.com ], service: api } ]'),
    'f:4:54: api leads back to api: name a service whose servers are others'
  ],
  [
    'routes in a circle',
    service('sni: [ { servername: [ a.example.com ], service: b } ]') +
      another('b', 'sni: [ { servername: [ a.example.com ], service: c } ]') +
      another('c', 'sni: [ { servername: [ a.example.com ], service: api } ]'),
    'f:4:54: b leads back to api: name a service whose servers are others',
    'f:7:54: c leads back to b: name a service whose servers are others',
    'f:10:54: api leads back to c: name a service whose servers are others'
  ],
  [
    'a name that leads to two services',
    service(
      'sni: [ { servername: [ a.example.com ], service: b }, { servername: [ A.example.com, b.example.com ], service: c } ]'
    ) +
      another('b') +
      another('c'),
    'f:4:75: a.example.com leads to b already: a name has one service'
  ],
  [
    'a service that nothing leads to',
    service() + another('b'),
    'f:5:5: b listens nowhere and no `sni` leads to it: add `bind: [ ADDRESS:PORT ]`, or a route in another service'
  ],
  [
    'a route that is wrong itself, and nothing that follows from it',
    service('sni: [ { servername: [ "-" , "*" ], service: b } ]') + another('b'),
    'f:4:34: item 2 of `servername` must be a host name, like api.example.com or *.example.com'
  ],
  [
    'a route to a service that is wrong itself, and nothing that follows from it',
    service('sni: [ { servername: [ a.example.com ], service: b } ]') + another('b', 'servers: []'),
    'f:7:14: `servers` needs at least one of servers, like { name: a, address: 10.0.0.1:6443 }'
  ]
])

// Servers.
told([
  [
    'a source of another family',
    service('source: fd00::9'),
    'f:4:13: fd00::9 is IPv6 and 10.0.0.1 IPv4: no connection can have both',
    'f:4:13: fd00::9 is IPv6 and 10.0.0.2 IPv4: no connection can have both'
  ],
  [
    'a server’s own source of another family',
    service('servers: [ { name: a, address: "[fd00::1]:6443", source: 10.0.0.9 } ]'),
    'f:4:62: 10.0.0.9 is IPv4 and fd00::1 IPv6: no connection can have both'
  ],
  [
    'a source beside the client’s',
    service('transparent: true', 'default_server: { source: 10.0.0.9 }'),
    'f:5:31: `source` and `transparent` exclude each other: connections come from one address, or from the client’s'
  ],
  [
    'the client’s address for a server of another family',
    service('transparent: true', 'servers: [ { name: a, address: "[fd00::1]:6443" } ]'),
    'f:4:18: clients come by IPv4 and fd00::1 is IPv6: no connection can have both addresses'
  ],
  [
    'nothing to bring forward',
    service('default_server: { check: false, observe: layer4 }'),
    'f:4:46: `observe` brings the next check forward, and there is none: add `check`, or leave it out'
  ],
  [
    'no server in use',
    service(
      'servers: [ { name: a, address: 10.0.0.1:1, weight: 0 }, { name: b, address: 10.0.0.2:1, disabled: true } ]'
    ),
    'f:4:14: warning: no server of api takes connections: each has `weight: 0` or is `disabled`'
  ],
  [
    'backups of nothing',
    service('default_server: { backup: true }'),
    'f:5:14: warning: every server of api is a `backup`, of which only the first has connections: leave it out where it is none, or add `allbackups: true`'
  ],
  [
    'a wildcard as a server',
    service('servers: [ { name: a, address: 0.0.0.0:6443 } ]'),
    'f:4:36: 0.0.0.0 is no server: name the address that it listens on'
  ]
])

// Balancing.
told([
  [
    'words of another algorithm',
    service('balance: leastconn', 'hash_type: consistent', 'balance_factor: 150'),
    'f:5:16: warning: `hash_type` is for `balance: source` and does nothing with leastconn: leave it out',
    'f:6:21: warning: `balance_factor` is for `balance: roundrobin` and does nothing with leastconn: leave it out'
  ],
  [
    'clients that come back to where they were taken from',
    service('balance: source', 'rebalance: {}'),
    'f:5:16: with `balance: source` clients come back to the server that they were taken from: leave it out, or use leastconn or roundrobin'
  ],
  [
    'a first server without an end',
    service('balance: first'),
    'f:4:14: warning: `first` goes on to the next server when one has reached its `maxconn`, and a has none: give it one'
  ],
  [
    'a share that cannot grow',
    service('balance: static-rr', 'default_server: { slowstart: 30s }'),
    'f:5:34: warning: `slowstart` does nothing with static-rr: use leastconn, roundrobin or random, or leave it out'
  ],
  [
    'an algorithm that is none',
    service('balance: source(2)'),
    'f:4:14: `balance` must be one of roundrobin, static-rr, leastconn, first, source, random, random(2)'
  ],
  [
    'a factor below its share',
    service('balance_factor: 50'),
    'f:4:21: `balance_factor` must be 0, or a percentage from 100 to 65535'
  ]
])

// Checks.
told([
  [
    'keys of other kinds of check',
    check('uri: /readyz', 'ca_file: /ca.crt', 'command: /bin/x', 'send: hi'),
    'f:4:32: `uri` is for checks of type http, https, and this is tcp: add `type: https`, or leave it out',
    'f:4:46: `ca_file` is for checks of type https, and this is tcp: add `type: https`, or leave it out',
    'f:4:64: `command` is for checks of type exec, and this is tcp: add `type: exec`, or leave it out',
    'f:4:81: `send` is for checks of type agent, and this is tcp: add `type: agent`, or leave it out'
  ],
  [
    'a key of TLS without TLS',
    check('type: http', 'port: 8080', 'servername: kubernetes'),
    'f:4:56: `servername` is for checks of type https, and this is http: add `type: https`, or leave it out'
  ],
  [
    'a port of a ping',
    check('type: icmp', 'port: 80'),
    'f:4:44: `port` is for checks of type tcp, http, https, exec, agent, and this is icmp: a ping has no port, leave it out'
  ],
  [
    'a server’s own key of another kind',
    service(
      `default_server: { check: { ${TLS} } }`,
      'servers: [ { name: a, address: 10.0.0.1:1, check: { type: tcp, uri: /x } }, { name: b, address: 10.0.0.2:1 } ]'
    ),
    'f:5:68: `uri` is for checks of type http, https, and this is tcp: add `type: https`, or leave it out'
  ],
  [
    'a program that is missing',
    check('type: exec'),
    'f:4:38: a check of type exec needs a program: add `command: /PATH`'
  ],
  ['an agent without a port', check('type: agent'), 'f:4:38: an agent listens on a port of its own: add `port`'],
  ['a key without a certificate', check(TLS, 'key: /k'), 'f:4:68: `key` belongs to a certificate: add `crt`'],
  [
    'a body of an answer to HEAD',
    check(TLS, 'method: HEAD', 'expect: { body: ok }'),
    'f:4:85: an answer to HEAD has no body: use `method: GET`, or expect a status alone'
  ],
  [
    'HTTP to the port of an apiserver',
    check('type: http'),
    'f:4:38: warning: an apiserver answers on 6443 by TLS alone: use `type: https`'
  ],
  [
    'no authority for the certificate',
    check('type: https'),
    'f:4:38: warning: without `ca_file` an authority of this system must have signed the certificate, and an apiserver’s is signed by its cluster: add `ca_file: /etc/kubernetes/pki/ca.crt`'
  ],
  [
    'an authority that is not asked',
    check(TLS, 'verify: none'),
    'f:4:54: warning: `verify: none` looks at no certificate: leave one of them out'
  ],
  [
    'a token that everybody can read',
    check('type: http', 'port: 8080', 'token_file: /t'),
    'f:4:68: warning: the token goes out for everybody on the way to read: use `type: https`'
  ],
  [
    'a token for whoever answers',
    check('type: https', 'verify: none', 'token_file: /t'),
    'f:4:71: warning: with `verify: none` the token goes to whoever answers at that address: use `ca_file`'
  ],
  [
    'a deadline beyond the next check',
    check('inter: 2s', 'timeout: 3s'),
    'f:4:52: warning: a check that hangs for longer than `inter` holds the next one up: use at most `inter`'
  ],
  [
    'values that no request can have',
    check(TLS, 'uri: readyz', 'host: "a b"', 'expect: { status: 900, body_regex: "(" }'),
    'f:4:68: `uri` must be a path without blanks, like /readyz',
    'f:4:82: `host` must be a host without blanks, like api.example.com or 10.0.0.1:6443',
    'f:4:107: `status` must be a status, ranges of them or several, like 200, 200-399 or "200,204"',
    'f:4:124: `body_regex` is no regular expression'
  ]
])

silent([
  [
    'one word for servers of several kinds',
    service(
      'default_server: { check: { type: http, port: 8080, uri: /readyz } }',
      'servers: [ { name: a, address: 10.0.0.1:1 }, { name: b, address: 10.0.0.2:1, check: { type: tcp } } ]'
    )
  ],
  ['a check that says who must have signed', check(TLS, 'servername: kubernetes', 'token_file: /t')],
  ['a service behind a route', service('sni: [ { servername: [ "*.example.com" ], service: b } ]') + another('b')],
  ['IPv6 and IPv4 of one port', service().replace('10.0.0.9:8443', '0.0.0.0:8443, "[::]:8443"')],
  [
    'two interfaces of one port',
    service().replace(
      '10.0.0.9:8443',
      '{ address: 10.0.0.9:8443, interface: eth0 }, { address: 10.0.0.9:8443, interface: eth1 }'
    )
  ],
  ['backups that share', service('allbackups: true', 'default_server: { backup: true }')],
  ['first with limits', service('balance: first', 'default_server: { maxconn: 10 }')],
  ['a slow start on a ring', service('balance: source', 'hash_type: consistent', 'default_server: { slowstart: 10s }')],
  [
    'a transparent service of both families',
    service('transparent: true', 'servers: [ { name: a, address: "[fd00::1]:6443" } ]').replace(
      '10.0.0.9:8443',
      '{ address: "[::]:8443", v4v6: true }'
    )
  ],
  ['a client_fin without client: half-closed sessions alone end', service('timeout: { client_fin: 30s }')]
])

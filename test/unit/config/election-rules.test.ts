import { instance4, instance6, second, silent, told } from './table.js'

const PROXY = 'proxy:\n  - { name: api, bind: [ 10.0.0.99:8443 ], servers: [ { name: a, address: 10.0.0.1:6443 } ] }\n'
const HMAC = 'auth_hmac: { key: [ { id: 1, file: /k } ] }'

told([
  [
    'a sub-second interval with version 2',
    instance4('advert_int: 500ms'),
    'f:6:17: VRRP version 2 counts whole seconds, 1s to 255s: use one of these, or `version: 3` on every node'
  ],
  [
    'an interval with version 2 that is no whole second',
    instance4('version: 2', 'advert_int: 1.5s'),
    'f:7:17: VRRP version 2 counts whole seconds, 1s to 255s: use one of these, or `version: 3` on every node'
  ],
  [
    'an interval that version 3 cannot say',
    instance4('version: 3', 'advert_int: 25ms'),
    'f:7:17: VRRP version 3 counts steps of 10ms, 10ms to 40950ms'
  ],
  [
    'IPv6 with version 2',
    instance6('version: 2'),
    'f:6:14: VRRP version 2 is for IPv4 alone (RFC 3768) and fe80::88:1 is IPv6: use `version: 3` on every node'
  ],
  [
    'IPv6 with version 2 and a sub-second interval',
    instance6('version: 2', 'advert_int: 200ms'),
    'f:6:14: VRRP version 2 is for IPv4 alone (RFC 3768) and fe80::88:1 is IPv6: use `version: 3` on every node'
  ],
  [
    'a reserved priority before a proxy',
    instance4('priority: 2') + PROXY,
    'f:6:15: priorities 1 and 2 are those of a node whose proxy reaches no server, or its own alone: with a `proxy:` use 3 to 255, so that a node that serves is before it'
  ],
  [
    'an owner that does not preempt',
    instance4('preempt: false', 'priority: 255'),
    'f:6:14: priority 255 is for the owner of the address, who always takes over: use `priority: 254` or less, or `preempt: true`'
  ],
  [
    'a delay of what is never done',
    instance4('preempt: false', 'preempt_delay: 10s'),
    'f:7:20: warning: nothing is delayed with `preempt: false`: remove one of the two'
  ],
  [
    'one interval of silence',
    instance4('down_timer_adverts: 1'),
    "f:6:25: warning: with `down_timer_adverts: 1` one lost advert moves the address: 3 is the RFC's"
  ],
  [
    'two intervals of silence',
    instance4('down_timer_adverts: 2'),
    "f:6:25: warning: with `down_timer_adverts: 2` one lost advert and a late one move the address: 3 is the RFC's"
  ],
  [
    'a password with version 3',
    instance4('version: 3', 'authentication: { auth_pass: "1" }'),
    'f:7:21: VRRP version 3 has no passwords: remove `authentication`, or use `version: 2`; adverts that cannot be forged are what `auth_hmac` is for'
  ],
  [
    'a password beside signatures',
    instance4('authentication: { auth_pass: "1" }', HMAC),
    'f:6:21: `auth_hmac` signs every advert, and a password in clear text beside it proves nothing: remove `authentication` on every node'
  ],
  [
    'a password of nine bytes',
    instance4('authentication: { auth_pass: "123456789" }'),
    'f:6:34: warning: the password has 9 bytes and only the first 8 count, as in keepalived: write those 8'
  ],
  [
    'a key from nowhere',
    instance4('auth_hmac: { key: [ { id: 1 } ] }'),
    'f:6:25: key 1 comes from nowhere: give it either `file` or `credential` (the key itself never stands in here)'
  ],
  [
    'a key from two places',
    instance4('auth_hmac: { key: [ { id: 1, file: /k, credential: k } ] }'),
    'f:6:25: key 1 comes from two places: give it either `file` or `credential` (the key itself never stands in here)'
  ],
  [
    'two keys of one id',
    instance4('auth_hmac: { key: [ { id: 1, file: /k }, { id: 1, file: /l } ] }'),
    'f:6:52: another key has the id 1 already: ids must differ, they are how an advert names its key'
  ],
  [
    'an active key that is none',
    instance4('auth_hmac: { key: [ { id: 1, file: /k } ], active_key: 2 }'),
    'f:6:60: there is no key 2, and adverts must be signed with one: use 1'
  ],
  [
    'a time window that is shorter than adverts are signed ahead',
    instance4('auth_hmac: { key: [ { id: 1, file: /k } ], time_window: 2s }'),
    'f:6:61: adverts are signed up to two intervals ahead, and the clocks of two nodes differ: use at least 3s, three times advert_int, or leave it out'
  ],
  [
    'a VRID twice on a link and family',
    instance4() + second('VI_2', 'virtual_router_id: 88', 'virtual_ipaddress: [ 10.0.0.98 ]'),
    'f:8:24: VRID 88 is already used on bond0 by VI_1: give each group on a link its own, 1 to 255'
  ]
])

silent([
  ['a whole second with version 2', instance4('advert_int: 2s')],
  ['the longest interval of version 2', instance4('advert_int: 255s')],
  ['the longest interval of version 3', instance4('version: 3', 'advert_int: 40.95s')],
  ['ten milliseconds with version 3', instance4('version: 3', 'advert_int: 10ms')],
  ['IPv6, whose version is 3 unless given, with a sub-second interval', instance6('advert_int: 200ms')],
  ['priority 1 without a proxy', instance4('priority: 1')],
  ['priority 3 before a proxy', instance4('priority: 3') + PROXY],
  ['an owner that preempts', instance4('priority: 255')],
  ['a delay of preemption', instance4('preempt_delay: 10s')],
  ['three intervals of silence', instance4('down_timer_adverts: 3')],
  ['a password of eight bytes', instance4('authentication: { auth_pass: "12345678" }')],
  ['a key from a file', instance4(HMAC)],
  [
    'two keys, the second of which signs',
    instance4('auth_hmac: { key: [ { id: 1, file: /k }, { id: 7, credential: k } ], active_key: 7 }')
  ],
  [
    'a VRID for each family of a link',
    instance4() + second('VI_2', 'virtual_router_id: 88', 'virtual_ipaddress: [ fe80::88:1 ]')
  ]
])

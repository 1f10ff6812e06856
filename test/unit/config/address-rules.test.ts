import t from 'tap'
import { instance4, instance6, problemsOf, second, silent, told } from './table.js'

const with4 = (addresses: string, ...lines: readonly string[]): string =>
  instance4(...lines).replace('[ 10.0.0.99 ]', `[ ${addresses} ]`)
const other = (addresses: string, ...lines: readonly string[]): string =>
  second('VI_2', 'virtual_router_id: 89', `virtual_ipaddress: [ ${addresses} ]`, ...lines)

told([
  [
    'IPv6 among the IPv4 addresses of an advert',
    with4('10.0.0.99, fd00::99'),
    'f:5:37: fd00::99 is IPv6 and the adverts of VI_1 are IPv4, as its first address is: move it to `virtual_ipaddress_excluded`, or give it an instance of its own'
  ],
  [
    'IPv4 among the IPv6 addresses of an advert',
    with4('fe80::88:1, 10.0.0.99'),
    'f:5:38: 10.0.0.99 is IPv4 and the adverts of VI_1 are IPv6, as its first address is: move it to `virtual_ipaddress_excluded`, or give it an instance of its own'
  ],
  [
    'IPv6 whose first address is not link-local',
    with4('fd00::99, fe80::88:1'),
    'f:5:26: the first IPv6 address must be a link-local one (fe80::/10, RFC 9568 §5.2.9): put one before fd00::99, like fe80::88:1'
  ],
  [
    'what no host can have',
    with4('224.0.0.99, 127.0.0.9, 10.0.0.9/0'),
    'f:5:26: 224.0.0.99/32 is no address that a host can have: use a free address of the link',
    'f:5:38: 127.0.0.9/32 is no address that a host can have: use a free address of the link',
    'f:5:49: 10.0.0.9/0 is no address that a host can have: use a free address of the link'
  ],
  [
    'what no host can have, of IPv6',
    with4('fe80::88:1, ff02::12, "::1"'),
    'f:5:38: ff02::12/128 is no address that a host can have: use a free address of the link',
    'f:5:48: ::1/128 is no address that a host can have: use a free address of the link'
  ],
  [
    'what no host can have, behind the advert',
    instance4('virtual_ipaddress_excluded: [ 255.255.255.255 ]'),
    'f:6:35: 255.255.255.255/32 is no address that a host can have: use a free address of the link'
  ],
  [
    'an address in two instances',
    instance4() + other('10.0.0.99'),
    'f:9:26: 10.0.0.99/32 already belongs to VI_1: an address has one instance'
  ],
  [
    'an address in two instances, with another length and interface',
    instance4() + other('{ address: 10.0.0.99/24, dev: bond1 }'),
    'f:9:26: 10.0.0.99/24 already belongs to VI_1: an address has one instance'
  ],
  [
    'an address of one instance and behind the advert of another',
    instance4() + other('10.0.0.98', 'virtual_ipaddress_excluded: [ 10.0.0.99/24 ]'),
    'f:10:35: 10.0.0.99/24 already belongs to VI_1: an address has one instance'
  ],
  [
    'an address twice in one instance',
    instance4('virtual_ipaddress_excluded: [ 10.0.0.99 ]'),
    'f:6:35: 10.0.0.99/32 stands twice in VI_1: once is enough'
  ],
  [
    'an IPv6 address in two spellings',
    instance4('virtual_ipaddress_excluded: [ fd00::99, FD00:0::99 ]'),
    'f:6:45: fd00::99/128 stands twice in VI_1: once is enough'
  ],
  [
    'a link-local address twice on a link',
    instance6() + other('fe80::88:1'),
    'f:9:26: fe80::88:1/128 already belongs to VI_1: an address has one instance'
  ],
  [
    'a label and a broadcast address of IPv6',
    instance4('virtual_ipaddress_excluded: [ { address: fd00::9, label: "bond0:x", brd: 10.0.0.255, scope: link } ]'),
    'f:6:62: IPv6 addresses have no `label`: remove it from fd00::9',
    'f:6:78: IPv6 addresses have no `brd`: remove it from fd00::9',
    'f:6:97: warning: the kernel takes the scope of an IPv6 address from the address itself: remove it from fd00::9'
  ],
  [
    'a broadcast address of another family',
    with4('{ address: 10.0.0.99/24, brd: fd00::1 }'),
    'f:5:56: fd00::1 is IPv6, and the broadcast address of 10.0.0.99 is IPv4'
  ],
  [
    'a label of another interface',
    with4('{ address: 10.0.0.99, label: "eth0:vip" }'),
    "f:5:55: warning: `ip` and ifconfig expect a label to begin with the interface's name: use bond0:vip or the like"
  ],
  [
    'a label of the instance’s interface on another one',
    with4('{ address: 10.0.0.99, dev: bond1, label: "bond0:vip" }'),
    "f:5:67: warning: `ip` and ifconfig expect a label to begin with the interface's name: use bond1:vip or the like"
  ]
])

silent([
  ['IPv6 behind the advert of IPv4', instance4('virtual_ipaddress_excluded: [ fd00::99/64, 10.0.0.98 ]')],
  ['IPv4 behind the advert of IPv6', instance6('virtual_ipaddress_excluded: [ 10.0.0.98 ]')],
  ['a link-local address on each of two links', instance6() + other('{ address: fe80::88:1, dev: bond1 }')],
  [
    'a label that begins with its interface',
    with4('{ address: 10.0.0.99/24, label: "bond0:vip", brd: 10.0.0.255, scope: link }')
  ],
  ['a label that is its interface', with4('{ address: 10.0.0.99, dev: bond1, label: bond1 }')],
  [
    'an IPv6 address that is asked for',
    instance6('virtual_ipaddress_excluded: [ { address: fd00::98, nodad: false } ]')
  ]
])

t.test('an advert names what fits its count and 1500 bytes', async (t) => {
  const v4 = (count: number, ...lines: readonly string[]): string =>
    with4(Array.from({ length: count }, (_, i) => `10.1.${i >> 8}.${i & 255}`).join(', '), ...lines)
  const v6 = (count: number, ...lines: readonly string[]): string =>
    with4(['fe80::88:1', ...Array.from({ length: count - 1 }, (_, i) => `fd00::1:${i}`)].join(', '), ...lines)
  const hmac = 'auth_hmac: { key: [ { id: 1, file: /k } ] }'
  for (const fits of [v4(255), v4(255, hmac), v6(90), v6(89, hmac)]) t.strictSame(problemsOf(fits), [])
  t.strictSame(problemsOf(v4(256)), [
    'f:5:24: an advert of 1500 bytes names at most 255 IPv4 addresses and these are 256: move the others to `virtual_ipaddress_excluded`'
  ])
  t.strictSame(problemsOf(v6(91)), [
    'f:5:24: an advert of 1500 bytes names at most 90 IPv6 addresses and these are 91: move the others to `virtual_ipaddress_excluded`'
  ])
  t.strictSame(problemsOf(v6(90, hmac)), [
    'f:5:24: an advert of 1500 bytes names at most 89 IPv6 addresses and these are 90: move the others to `virtual_ipaddress_excluded`'
  ])
})

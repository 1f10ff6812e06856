import { instance4, instance6, second, told } from './table.js'

const twin = second('VI_2', 'virtual_router_id: 88', 'virtual_ipaddress: [ 10.0.0.98 ]')
const twin6 = second('VI_2', 'virtual_router_id: 88', 'virtual_ipaddress: [ fe80::88:2 ]')

// What is wrong is told alone: nothing follows from the value that stands in for it, and the rest is still compared.
told([
  [
    'a wrong peer, and a VRID twice',
    instance4('unicast_src_ip: 10.0.0.1', 'unicast_peer: [ foo ]') + twin,
    'f:7:21: item 1 of `unicast_peer` must be an address, or a map of address, min_ttl, max_ttl',
    'f:10:24: VRID 88 is already used on bond0 by VI_1: give each group on a link its own, 1 to 255'
  ],
  [
    'a wrong peer of IPv6',
    instance6('unicast_src_ip: fd00::1', 'unicast_peer: [ "fd00::x", fd00::1 ]') + twin6,
    'f:7:21: item 1 of `unicast_peer` must be an address, or a map of address, min_ttl, max_ttl',
    'f:7:32: fd00::1 is this node itself: name the other nodes alone',
    'f:10:24: VRID 88 is already used on bond0 by VI_1: give each group on a link its own, 1 to 255'
  ],
  [
    'a list of peers that is none',
    instance4('unicast_ttl: 255', 'unicast_peer: 10.0.0.2') + twin,
    'f:7:19: `unicast_peer` must be a list of addresses of the other nodes: an empty one would be multicast; for that leave it out',
    'f:10:24: VRID 88 is already used on bond0 by VI_1: give each group on a link its own, 1 to 255'
  ],
  [
    'a peer with a wrong word',
    instance4('unicast_peer: [ { address: 10.0.0.2, ttl: 3 }, 10.0.0.2 ]'),
    'f:6:42: unknown key `ttl`: known here: address, min_ttl, max_ttl',
    'f:6:52: 10.0.0.2 stands twice in `unicast_peer`: once is enough'
  ],
  [
    'a peer without an address',
    instance4('unicast_peer: [ { min_ttl: 3 } ]') + twin,
    'f:6:21: `address` is missing: it must be an address, like 10.0.0.2',
    'f:9:24: VRID 88 is already used on bond0 by VI_1: give each group on a link its own, 1 to 255'
  ],
  [
    'a wrong first address of IPv6',
    instance6().replace('fe80::88:1', 'fe80::88:x') + twin6,
    'f:5:26: item 1 of `virtual_ipaddress` must be an address, like 10.0.0.99 or 10.0.0.99/24, or a map of address, dev, label, scope, brd',
    'f:8:24: VRID 88 is already used on bond0 by VI_1: give each group on a link its own, 1 to 255'
  ],
  [
    'a wrong address behind the advert',
    instance4('virtual_ipaddress_excluded: [ 10.0.0.999, 10.0.0.99 ]') + twin,
    'f:6:35: item 1 of `virtual_ipaddress_excluded` must be an address, like 10.0.0.99 or 10.0.0.99/24, or a map of address, dev, label, scope, brd',
    'f:6:47: 10.0.0.99/32 stands twice in VI_1: once is enough',
    'f:9:24: VRID 88 is already used on bond0 by VI_1: give each group on a link its own, 1 to 255'
  ],
  [
    'a list of addresses that is none',
    instance4('virtual_ipaddress_excluded: 10.0.0.98') + twin,
    'f:6:33: `virtual_ipaddress_excluded` must be a list of addresses, like [ 10.0.0.99 ]',
    'f:9:24: VRID 88 is already used on bond0 by VI_1: give each group on a link its own, 1 to 255'
  ],
  [
    'an address with a wrong word',
    instance4('virtual_ipaddress_excluded: [ { address: 10.0.0.99, lable: x } ]'),
    'f:6:35: 10.0.0.99/32 stands twice in VI_1: once is enough',
    'f:6:57: unknown key `lable`: did you mean `label`?'
  ],
  [
    'a wrong recipient',
    `global_defs: { smtp_alert: true, smtp_server: 127.0.0.1, notification_email: [ 5 ] }\n${instance4()}`,
    'f:1:80: item 1 of `notification_email` must be a mail address'
  ],
  [
    'no list of recipients',
    `global_defs: { smtp_alert: true, smtp_server: 127.0.0.1, notification_email: a@b }\n${instance4()}`,
    'f:1:78: `notification_email` must be a list of mail addresses'
  ],
  [
    'a wrong mail server',
    `global_defs: { smtp_alert: true, smtp_server: "a:0", notification_email: [ a@b ] }\n${instance4()}`,
    'f:1:47: `smtp_server` must be HOST or HOST:PORT, like 127.0.0.1:25'
  ],
  [
    'no map of global_defs',
    `global_defs: [ x ]\n${instance4()}${twin}`,
    'f:1:14: `global_defs` must be a map: router_id, notification_email, smtp_server, …',
    'f:9:24: VRID 88 is already used on bond0 by VI_1: give each group on a link its own, 1 to 255'
  ],
  [
    'an entry that is tracked and wrong',
    `vrrp_script: [ { name: chk } ]\n${instance4('track_script: [ chk ]')}${twin}`,
    'f:1:16: `script` is missing: it must be a command, like /usr/local/bin/check --fast',
    'f:10:24: VRID 88 is already used on bond0 by VI_1: give each group on a link its own, 1 to 255'
  ],
  [
    'an entry whose name is wrong',
    `vrrp_script: [ { name: "c h k", script: /c } ]\n${instance4('track_script: [ chk ]')}`,
    'f:1:24: `name` must be 1 to 64 of A-Z a-z 0-9 _ . : -',
    'f:7:21: `vrrp_script` has no entry chk: known there: c h k'
  ],
  [
    'a track that is wrong',
    instance4('track_script: [ { weight: 3000 } ]', 'track_file: [ 3 ]') + twin,
    'f:6:21: `name` is missing: it must be a name, like VI_1',
    'f:6:31: `weight` must be a whole number from -253 to 253: 0 is boolean: a failure is a fault',
    'f:7:19: item 1 of `track_file` must be the name of an entry of vrrp_track_file, or a map of name, weight, reverse',
    'f:10:24: VRID 88 is already used on bond0 by VI_1: give each group on a link its own, 1 to 255'
  ],
  [
    'a list of tracks that is none',
    instance4('track_script: chk') + twin,
    'f:6:19: `track_script` must be a list: each item the name of an entry of vrrp_script, or a map',
    'f:9:24: VRID 88 is already used on bond0 by VI_1: give each group on a link its own, 1 to 255'
  ],
  [
    'a member that is wrong itself',
    `vrrp_sync_group: [ { name: G, group: [ VI_1, VI_3 ] } ]\n${instance4()}${second('VI_3', 'virtual_ipaddress: [ 10.0.0.98 ]')}`,
    'f:7:5: `virtual_router_id` is missing: it must be a whole number from 1 to 255'
  ],
  [
    'a member that is no name',
    `vrrp_sync_group: [ { name: G, group: [ VI_1, [] ] } ]\n${instance4()}${twin}`,
    'f:1:46: item 2 of `group` must be a name, like VI_1',
    'f:9:24: VRID 88 is already used on bond0 by VI_1: give each group on a link its own, 1 to 255'
  ],
  [
    'a group without members',
    `vrrp_sync_group: [ { name: G, group: [] }, { name: H, group: [ VI_1 ] } ]\n${instance4()}`,
    'f:1:38: `group` needs at least one of names of instances',
    'f:1:62: warning: H has one member, which moves with no other: name a second one, or remove the group'
  ],
  [
    'a key that is wrong',
    instance4('auth_hmac: { key: [ { id: 300, file: /k } ] }', 'authentication: { auth_pass: "123456789" }') + twin,
    'f:6:31: `id` must be a whole number from 0 to 255',
    'f:7:34: warning: the password has 9 bytes and only the first 8 count, as in keepalived: write those 8',
    'f:10:24: VRID 88 is already used on bond0 by VI_1: give each group on a link its own, 1 to 255'
  ],
  [
    'a key file that is wrong',
    instance4('auth_hmac: { key: [ { id: 1, file: k }, { id: 1, credential: "/" } ] }'),
    'f:6:40: `file` must be an absolute path',
    'f:6:51: another key has the id 1 already: ids must differ, they are how an advert names its key',
    'f:6:66: `credential` must be the name of a systemd credential'
  ],
  [
    'a check with a word of another place',
    `${instance4()}proxy: [ { name: a, bind: [ 10.0.0.1:1 ], default_server: { check: { name: x } }, servers: [ { name: b, address: 10.0.0.1:1 } ] } ]\n`,
    'f:6:70: unknown key `name`: known here: type, inter, fastinter, downinter, rise, fall, spread, timeout, port, addr, send_proxy, method, uri, host, expect, verify, ca_file, servername, crt, key, token_file, command, user, send',
    'f:6:114: 10.0.0.1:1 is where a itself listens: the proxy would call itself'
  ]
])

import { instance4, instance6, second, silent, told } from './table.js'

told([
  [
    'an empty list of peers',
    instance4('unicast_peer: []'),
    'f:6:19: `unicast_peer` must be a list of addresses of the other nodes: an empty one would be multicast; for that leave it out'
  ],
  [
    'a list of peers that is not there',
    instance4('unicast_peer:'),
    'f:6:18: `unicast_peer` must be a list of addresses of the other nodes: an empty one would be multicast; for that leave it out'
  ],
  [
    'a unicast source without peers',
    instance4('unicast_src_ip: 10.0.0.1'),
    'f:6:21: `unicast_src_ip` is for unicast and there is no `unicast_peer`: name the other nodes there, or remove it (keepalived would send multicast and call it unicast)'
  ],
  [
    'other words of unicast without peers',
    instance4('unicast_ttl: 255', 'check_unicast_src: true'),
    'f:6:18: `unicast_ttl` is for unicast and there is no `unicast_peer`: name the other nodes there, or remove it (keepalived would send multicast and call it unicast)',
    'f:7:24: `check_unicast_src` is for unicast and there is no `unicast_peer`: name the other nodes there, or remove it (keepalived would send multicast and call it unicast)'
  ],
  [
    'a peer of another family',
    instance4('unicast_peer: [ fd00::2 ]'),
    'f:6:21: fd00::2 is no IPv4 address and the adverts of VI_1 are IPv4, as its first virtual address is: name the peer by such an address'
  ],
  [
    'a peer of another family, for IPv6',
    instance6('unicast_peer: [ 10.0.0.2 ]'),
    'f:6:21: 10.0.0.2 is no IPv6 address and the adverts of VI_1 are IPv6, as its first virtual address is: name the peer by such an address'
  ],
  [
    'a peer twice',
    instance6('unicast_peer: [ fd00::2, FD00::2 ]'),
    'f:6:30: fd00::2 stands twice in `unicast_peer`: once is enough'
  ],
  [
    'a peer that is the source',
    instance4('unicast_src_ip: 10.0.0.1', 'unicast_peer: [ 10.0.0.1, 10.0.0.2 ]'),
    'f:7:21: 10.0.0.1 is this node itself: name the other nodes alone'
  ],
  [
    'a peer that is a virtual address',
    instance4('unicast_peer: [ 10.0.0.99 ]'),
    'f:6:21: 10.0.0.99 is a virtual address of VI_1 and moves between the nodes: name the peer by an address that it keeps'
  ],
  [
    'a peer that is a virtual address of another instance',
    instance4('unicast_peer: [ 10.0.0.98 ]') +
      second(
        'VI_2',
        'virtual_router_id: 89',
        'virtual_ipaddress: [ 10.0.0.97 ]',
        'virtual_ipaddress_excluded: [ 10.0.0.98 ]'
      ),
    'f:6:21: 10.0.0.98 is a virtual address of VI_2 and moves between the nodes: name the peer by an address that it keeps'
  ],
  [
    'a peer that is a group',
    instance4('unicast_peer: [ 224.0.0.18 ]'),
    'f:6:21: 224.0.0.18 is a multicast group: name each peer, or leave `unicast_peer` out'
  ],
  [
    'a peer that is no host',
    instance4('unicast_peer: [ 127.0.0.1 ]'),
    'f:6:21: 127.0.0.1 is no address that a host can have: name the peer by an address of its link'
  ],
  [
    'a TTL that no advert has',
    instance4('unicast_peer: [ { address: 10.0.0.2, max_ttl: 64 } ]'),
    'f:6:21: no advert of 10.0.0.2 has a TTL from 255 to 64: `min_ttl` (255 unless given) must not be above `max_ttl`'
  ],
  [
    'a group beside peers',
    instance4('mcast_dst_ip: 224.0.0.18', 'unicast_peer: [ 10.0.0.2 ]'),
    'f:6:19: with `unicast_peer` adverts go to the peers alone: remove one of the two'
  ],
  [
    'a group that is none',
    instance4('mcast_dst_ip: 10.0.0.2'),
    'f:6:19: 10.0.0.2 is no IPv4 multicast group: use one, like 224.0.0.18, or leave it out'
  ],
  [
    'a group of another family',
    instance4('mcast_dst_ip: ff02::12'),
    'f:6:19: ff02::12 is no IPv4 multicast group: use one, like 224.0.0.18, or leave it out'
  ],
  [
    'two sources',
    instance4('mcast_src_ip: 10.0.0.1', 'unicast_src_ip: 10.0.0.1', 'unicast_peer: [ 10.0.0.2 ]'),
    'f:6:19: adverts have one source, and `unicast_src_ip` names one already: keep the one that fits `unicast_peer`'
  ],
  [
    'a source of another family',
    instance4('mcast_src_ip: fd00::1'),
    'f:6:19: the adverts of VI_1 are IPv4, as its first virtual address is: use an IPv4 address of bond0'
  ],
  [
    'a source that is a virtual address',
    instance4('mcast_src_ip: 10.0.0.99'),
    'f:6:19: 10.0.0.99 is a virtual address of VI_1 and moves between the nodes: use an address that this node keeps'
  ],
  [
    'a source that is no host',
    instance4('unicast_src_ip: 127.0.0.1', 'unicast_peer: [ 10.0.0.2 ]'),
    'f:6:21: 127.0.0.1 is no address that a host can have: use an address of bond0'
  ],
  [
    'an IPv6 multicast source that is not link-local',
    instance6('mcast_src_ip: fd00::1'),
    'f:6:19: IPv6 multicast adverts come from a link-local address (RFC 9568 §5.1.2.1): use the fe80:: one of bond0, or leave it out'
  ]
])

silent([
  [
    'unicast with all its words',
    instance4('unicast_src_ip: 10.0.0.1', 'unicast_peer: [ 10.0.0.2 ]', 'unicast_ttl: 64', 'check_unicast_src: false')
  ],
  ['a range of TTLs', instance4('unicast_peer: [ { address: 10.0.1.2, min_ttl: 60, max_ttl: 64 } ]')],
  [
    'unicast of IPv6 from an address that is not link-local',
    instance6('unicast_src_ip: fd00::1', 'unicast_peer: [ fd00::2 ]')
  ],
  ['a group and a source', instance4('mcast_src_ip: 10.0.0.1', 'mcast_dst_ip: 224.0.0.19')],
  ['a group and a source of IPv6', instance6('mcast_src_ip: fe80::1', 'mcast_dst_ip: ff02::1:12')]
])

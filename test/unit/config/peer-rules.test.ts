import { instance4, silent, told } from './table.js'

const peers = (...lines: readonly string[]): string =>
  `${instance4()}peers:\n${lines.map((line) => `  ${line}\n`).join('')}`
const listen = 'listen: 10.0.0.1:8405'
const key = 'key_file: /etc/vipd/peers.key'
const nodes = 'nodes: [ 10.0.0.1:8405, 10.0.0.2:8405 ]'

silent([
  ['a channel with a list that all nodes have', peers(listen, key, nodes)],
  ['a key from systemd', peers(listen, 'key_credential: peers', nodes)]
])

told([
  [
    'a channel without a key',
    peers(listen, nodes),
    'f:7:3: the common key comes from nowhere: give it either `key_file` or `key_credential` (it never stands in here)'
  ],
  [
    'a key from two places',
    peers(listen, key, 'key_credential: peers', nodes),
    'f:7:3: the common key comes from two places: give it either `key_file` or `key_credential` (it never stands in here)'
  ],
  [
    'a wildcard',
    peers('listen: 0.0.0.0:8405', key, nodes),
    'f:7:11: 0.0.0.0 is no address that a host can have: the others know this node by it, so name the one it keeps'
  ],
  [
    'a virtual address, here and there',
    peers('listen: 10.0.0.99:8405', key, 'nodes: [ 10.0.0.99:8406 ]'),
    'f:7:11: 10.0.0.99 is a virtual address of VI_1 and moves between the nodes: name the address that the node keeps',
    'f:9:10: 10.0.0.99 is a virtual address of VI_1 and moves between the nodes: name the address that the node keeps'
  ],
  [
    'the admin listener’s port',
    `admin: { listen: 10.0.0.1:8405 }\n${peers(listen, key, nodes)}`,
    'f:8:11: 10.0.0.1:8405 is `admin.listen` already: give it another port, like 8405'
  ],
  [
    'nobody else',
    peers(listen, key, 'nodes: [ 10.0.0.1:8405 ]'),
    'f:9:10: warning: this node alone is named: there is nobody to tell anything'
  ],
  [
    'a node twice',
    peers(listen, key, 'nodes: [ 10.0.0.2:8405, 10.0.0.2:8405 ]'),
    'f:9:10: 10.0.0.2:8405 stands there twice'
  ],
  [
    'a node of another family',
    peers(listen, key, 'nodes: [ "[fd00::2]:8405" ]'),
    'f:9:10: fd00::2 cannot be reached from 10.0.0.1, which is IPv4: use one family'
  ]
])

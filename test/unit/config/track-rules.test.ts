import t from 'tap'
import { weightNotes } from '../../../src/config/weight-rules.js'
import { configOf } from '../../fakes/fake-node.js'
import { instance4, second, silent, told } from './table.js'

const SCRIPTS = `vrrp_script:
  - { name: chk_api, script: /c }
  - { name: up, script: /c, weight: 10 }
  - { name: down, script: /c, weight: -20 }
vrrp_track_file: [ { name: load, file: /l } ]
vrrp_track_process: [ { name: kubelet, process: kubelet } ]
`
const tracking = (...lines: readonly string[]): string => SCRIPTS + instance4(...lines)
const group = (members: string, ...lines: readonly string[]): string =>
  ['vrrp_sync_group:', '  - name: G', `    group: [ ${members} ]`, ...lines.map((line) => `    ${line}`), ''].join('\n')
const pair = (...lines: readonly string[]): string =>
  instance4() + second('VI_2', 'virtual_router_id: 89', 'virtual_ipaddress: [ 10.0.0.98 ]', ...lines)

told([
  [
    'a script that does not exist',
    tracking('track_script: [ chk_apii ]'),
    'f:12:21: `vrrp_script` has no entry chk_apii: did you mean chk_api?'
  ],
  [
    'a script that nothing is like',
    tracking('track_script: [ { name: something_else, weight: -3 } ]'),
    'f:12:29: `vrrp_script` has no entry something_else: known there: chk_api, up, down'
  ],
  [
    'a script where there are none',
    instance4('track_script: [ chk ]'),
    'f:6:21: `vrrp_script` has no entry chk: add it to `vrrp_script`'
  ],
  [
    'a file that does not exist',
    tracking('track_file: [ laod ]'),
    'f:12:19: `vrrp_track_file` has no entry laod: did you mean load?'
  ],
  [
    'a process that does not exist',
    tracking('track_process: [ kubelett ]'),
    'f:12:22: `vrrp_track_process` has no entry kubelett: did you mean kubelet?'
  ],
  [
    'a script twice',
    tracking('track_script: [ chk_api, { name: chk_api, weight: 0 } ]'),
    'f:12:38: chk_api stands twice in `track_script`: once is enough'
  ],
  [
    'two entries of one name',
    SCRIPTS.replace('name: up', 'name: chk_api') + instance4(),
    'f:3:13: another script is already called chk_api: names must differ'
  ],
  [
    'two files of one name',
    `vrrp_track_file: [ { name: a, file: /a }, { name: a, file: /b } ]\n${instance4()}`,
    'f:1:51: another file is already called a: names must differ'
  ],
  [
    'two processes of one name',
    `vrrp_track_process: [ { name: a, process: a }, { name: a, process: b } ]\n${instance4()}`,
    'f:1:56: another process is already called a: names must differ'
  ],
  [
    'a number of processes that none can have',
    `vrrp_track_process: [ { name: a, process: a, quorum: 3, quorum_max: 2 } ]\n${instance4()}`,
    'f:1:69: no number is at least 3 and at most 2: `quorum_max` must not be below `quorum`'
  ],
  [
    'its own interface',
    instance4('track_interface: [ bond0 ]'),
    'f:6:24: warning: bond0 is the interface of VI_1, and tracked always: remove it'
  ],
  [
    'its own interface, which must be down',
    instance4('track_interface: [ { name: bond0, reverse: true } ]'),
    'f:6:32: VI_1 runs on bond0, and could never run while it must be down: remove it'
  ],
  [
    'a weight of an owner',
    tracking('priority: 255', 'track_script: [ down ]'),
    "f:13:21: the owner's priority 255 does not move, so the weight of down does nothing: write `{ name: down, weight: 0 }`, a failure is then a fault, or use `priority: 254` or less"
  ],
  [
    'a weight without preemption',
    tracking('preempt: false', 'track_script: [ chk_api, down ]'),
    'f:13:30: with `preempt: false` no node takes over from a living master, however low the weight of down brings it: write `{ name: down, weight: 0 }`, a failure is then a fault, or use `preempt: true` on every node'
  ],
  [
    'the weight that files have by themselves, without preemption',
    tracking('preempt: false', 'track_file: [ load ]'),
    'f:13:19: with `preempt: false` no node takes over from a living master, however low the weight of load brings it: write `{ name: load, weight: 0 }`, a failure is then a fault, or use `preempt: true` on every node'
  ],
  [
    'weights that only add to the greatest priority',
    tracking('priority: 254', 'track_script: [ up ]', 'track_interface: [ { name: bond1, weight: 5 } ]'),
    'f:12:15: the weights are unreachable: priorities are cut to 1 to 254, so whatever becomes of bond1, up, it stays 254 and no failure passes the address on: use `priority: 239` or less, or negative weights'
  ],
  [
    'weights that only take from the least priority',
    tracking('priority: 1', 'track_script: [ down ]'),
    'f:12:15: the weights are unreachable: priorities are cut to 1 to 254, so whatever becomes of down, it stays 1 and no failure passes the address on: use `priority: 21` or more, or positive weights'
  ],
  [
    'a misspelt word of a track',
    tracking('track_script: [ { name: chk_api, wieght: 3 } ]'),
    'f:12:38: unknown key `wieght`: did you mean `weight`?'
  ],
  [
    'an unknown word of keepalived in a script',
    `vrrp_script: [ { name: a, script: /c, rise: 2, inter: 3 } ]\n${instance4()}`,
    'f:1:48: unknown key `inter`: known here: name, script, shell, interval, timeout, weight, rise, fall, user, init_fail'
  ]
])

told([
  [
    'a member that does not exist',
    group('VI_1, VI_3, VI_2') + pair(),
    'f:3:20: `vrrp` has no instance VI_3: did you mean VI_1?'
  ],
  ['a member twice', group('VI_1, VI_2, VI_2') + pair(), 'f:3:26: VI_2 stands twice in G: once is enough'],
  [
    'a member of two groups',
    group('VI_1, VI_2', '', '', '').trimEnd().concat('\n  - { name: H, group: [ VI_1, VI_2 ] }\n') + pair(),
    'f:4:25: VI_1 is already a member of G: an instance has one group',
    'f:4:31: VI_2 is already a member of G: an instance has one group'
  ],
  [
    'two groups of one name',
    `${group('VI_1, VI_2')}  - { name: G, group: [ VI_3, VI_4 ] }\n${pair()}${second('VI_3', 'virtual_router_id: 90', 'virtual_ipaddress: [ 10.0.0.97 ]')}${second('VI_4', 'virtual_router_id: 91', 'virtual_ipaddress: [ 10.0.0.96 ]')}`,
    'f:4:13: another sync group is already called G: names must differ'
  ],
  [
    'a group of one',
    group('VI_1') + pair(),
    'f:3:12: warning: G has one member, which moves with no other: name a second one, or remove the group'
  ],
  [
    'members of which one does not preempt',
    group('VI_1, VI_2') + pair('preempt: false'),
    'f:3:12: VI_1 has `preempt: true` and VI_2 has not, so that one would take over and the other stay: give all members the same'
  ],
  [
    'members of two priorities and intervals',
    group('VI_1, VI_2') + pair('priority: 90', 'advert_int: 2s'),
    'f:3:12: warning: VI_1 has priority 100 and VI_2 another, so that each asks for its own master: give all members the same',
    'f:3:12: warning: VI_1 has `advert_int: 1s` and VI_2 another, so that the group waits for its slowest member: give all members the same'
  ],
  [
    'a weight of a group',
    SCRIPTS + group('VI_1, VI_2', 'track_script: [ chk_api, down ]') + pair(),
    'f:10:30: down has weight -20, and the members of sync group G move together, whatever the priority of one: write `{ name: down, weight: 0 }`, a failure is then a fault of all'
  ],
  [
    'a weight of a member',
    SCRIPTS + group('VI_1, VI_2') + pair('track_file: [ load ]'),
    'f:19:19: load has weight 1, and the members of sync group G move together, whatever the priority of one: write `{ name: load, weight: 0 }`, a failure is then a fault of all'
  ],
  [
    'a group that tracks what does not exist',
    group('VI_1, VI_2', 'track_process: [ a ]') + pair(),
    'f:4:22: `vrrp_track_process` has no entry a: add it to `vrrp_track_process`'
  ]
])

silent([
  [
    'tracks without a weight',
    tracking('preempt: false', 'track_script: [ chk_api, { name: down, weight: 0 } ]', 'track_interface: [ bond1 ]')
  ],
  ['a boolean track of an owner', tracking('priority: 255', 'track_process: [ kubelet ]')],
  ['weights in both directions at the greatest priority', tracking('priority: 254', 'track_script: [ up, down ]')],
  ['weights in both directions at the least priority', tracking('priority: 1', 'track_script: [ up, down ]')],
  ['a file at the greatest priority: its number may be negative', tracking('priority: 254', 'track_file: [ load ]')],
  ['a weight that can add one', tracking('priority: 253', 'track_script: [ up ]')],
  [
    'a group whose members agree',
    SCRIPTS + group('VI_1, VI_2', 'track_script: [ chk_api ]', 'track_file: [ { name: load, weight: 0 } ]') + pair()
  ]
])

t.test('a weight counts within 1 to 254, and what it moves between is said', async (t) => {
  const notes = (...lines: readonly string[]): string[] => weightNotes(configOf(tracking(...lines)))
  const between = (names: string, least: number, most: number): string[] => [
    `VI_1: ${names} can move its priority between ${least} and ${most}: a peer takes over only if its own lies between them`
  ]
  t.strictSame(notes(), [])
  t.strictSame(notes('track_script: [ chk_api ]'), [])
  t.strictSame(notes('track_script: [ up, chk_api, down ]'), between('up, down', 80, 110))
  t.strictSame(notes('priority: 250', 'track_script: [ up ]'), between('up', 250, 254))
  t.strictSame(notes('priority: 10', 'track_script: [ down ]'), between('down', 1, 10))
  t.strictSame(notes('track_interface: [ { name: bond1, weight: -7 } ]'), between('bond1', 93, 100))
  t.strictSame(notes('track_file: [ load ]'), between('load', 1, 254))
})

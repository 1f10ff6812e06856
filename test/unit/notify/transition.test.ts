import t from 'tap'
import { bodyOf, subjectOf } from '../../../src/notify/mail-text.js'
import {
  commandsOf,
  fifoLine,
  type Notify,
  notifyArguments,
  priorityLine,
  type Transition
} from '../../../src/notify/transition.js'

const instance: Transition = {
  kind: 'INSTANCE',
  name: 'VI_1',
  from: 'BACKUP',
  to: 'MASTER',
  priority: 100,
  reason: 'master-down',
  at: new Date('2026-11-22T20:24:44.500Z')
}
const group: Transition = { ...instance, kind: 'GROUP', name: 'G1' }
const STATES = ['MASTER', 'BACKUP', 'FAULT', 'STOP'] as const
const notify: Notify = { master: '/m', backup: '/b x', fault: '/f', stop: '/s', any: '/any y', smtpAlert: null }

// Captured of keepalived 2.2.7: its FIFO, the arguments of its scripts, and its mail.

t.test('the FIFO is told what keepalived tells it', async (t) => {
  t.equal(fifoLine(instance), 'INSTANCE "VI_1" MASTER 100\n')
  t.equal(fifoLine({ ...instance, to: 'STOP' }), 'INSTANCE "VI_1" STOP 100\n')
  t.equal(fifoLine({ ...instance, to: 'FAULT', priority: 105 }), 'INSTANCE "VI_1" FAULT 105\n')
  t.equal(fifoLine(group), 'GROUP "G1" MASTER 0\n', 'a group has no priority')
  t.equal(priorityLine('VI_2', 'BACKUP', 105), 'INSTANCE "VI_2" BACKUP_PRIORITY 105\n')
  t.equal(priorityLine('VI_2', 'MASTER', 95), 'INSTANCE "VI_2" MASTER_PRIORITY 95\n')
})

t.test('notify gets kind, name, state and priority', async (t) => {
  t.strictSame(notifyArguments(instance), ['INSTANCE', 'VI_1', 'MASTER', '100'])
  t.strictSame(notifyArguments({ ...group, to: 'STOP' }), ['GROUP', 'G1', 'STOP', '0'])
})

t.test('the script of the state runs first, with no argument of ours; then notify', async (t) => {
  const own = { MASTER: '/m', BACKUP: '/b x', FAULT: '/f', STOP: '/s' }
  for (const to of STATES)
    t.strictSame(commandsOf({ ...instance, to }, notify), [
      { line: own[to], extra: [] },
      { line: '/any y', extra: ['INSTANCE', 'VI_1', to, '100'] }
    ])
  t.strictSame(commandsOf(instance, { ...notify, any: null }), [{ line: '/m', extra: [] }])
  const none: Notify = { master: null, backup: null, fault: null, stop: null, any: null, smtpAlert: null }
  for (const to of STATES) t.strictSame(commandsOf({ ...instance, to }, none), [])
})

t.test('the subject of a mail is that of keepalived', async (t) => {
  t.equal(subjectOf(instance, 'NODE_A'), '[NODE_A] VRRP Instance VI_1 - Entering MASTER state')
  t.equal(subjectOf({ ...group, to: 'FAULT' }, 'NODE_A'), '[NODE_A] VRRP Group G1 - Entering FAULT state')
  t.equal(subjectOf({ ...instance, to: 'STOP' }, 'NODE_A'), '[NODE_A] VRRP Instance VI_1 - Stopping')
})

t.test('the body begins as keepalived has it, and says why, when and where', async (t) => {
  t.equal(
    bodyOf(instance, 'node1'),
    `=> VRRP Instance is now owning VRRP VIPs <=

Instance: VI_1
State: MASTER, before: BACKUP
Reason: master-down
Priority: 100
Node: node1
Time: 2026-11-22T20:24:44.500Z
`
  )
  const first = (transition: Transition): string | undefined => bodyOf(transition, 'node1').split('\n')[0]
  t.equal(first({ ...instance, to: 'BACKUP' }), '=> VRRP Instance is no longer owning VRRP VIPs <=')
  t.equal(first({ ...instance, to: 'FAULT' }), '=> VRRP Instance is no longer owning VRRP VIPs <=')
  t.equal(first({ ...instance, to: 'STOP' }), '=> VRRP Instance stopping <=')
  t.equal(first(group), '=> All VRRP group instances are now in MASTER state <=')
  t.equal(first({ ...group, to: 'BACKUP' }), '=> All VRRP group instances are now in BACKUP state <=')
  t.equal(first({ ...group, to: 'STOP' }), '=> All VRRP group instances are now stopping <=')
  t.notMatch(bodyOf(group, 'node1'), /Priority/)
})

import t from 'tap'
import { statusTable } from '../../../src/cli/table.js'
import { peers, status } from '../../fakes/status.js'

const now = Date.UTC(2026, 0, 3)
const table = (one = status()): string => statusTable(one, { isColoured: false, now })

t.test('other nodes are told of as they are: there, or why not; and who was not listened to', async (t) => {
  const shown = table({ ...status(), peers: peers() })
  t.equal(
    shown.slice(shown.indexOf('NODES')),
    [
      'NODES channel at 10.32.137.20:8405',
      '  master02 (10.32.137.27:8405)  there',
      '    version 0.1.0, VI_1 BACKUP (priority 88), https-apiserver: 0 sessions, 2 of 3 servers UP',
      '  10.32.138.27:8405  never heard',
      '    ! cannot be told anything: connect EHOSTUNREACH 10.32.138.27:8405',
      '  ! not listened to: stranger 2',
      ''
    ].join('\n')
  )
})

t.test('a node that has fallen silent is shown as it was, with when', async (t) => {
  const [first] = peers().nodes
  if (first === undefined) throw new Error('no node')
  const silent = { ...first, is_heard: false, heard_at: new Date(now - 61_000).toISOString() }
  t.match(
    table({ ...status(), peers: { ...peers(), nodes: [silent] } }),
    / {2}master02 \(10.*\) {2}heard 1m 1s ago\n {4}version/
  )
})

t.test('what a node says of itself cannot steer the terminal', async (t) => {
  const [first] = peers().nodes
  if (first?.view == null) throw new Error('no view')
  const evil = { ...first, view: { ...first.view, node: 'a\x1b[2Jb', version: '\x07' } }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that there are none is what is tested
  t.notMatch(table({ ...status(), peers: { ...peers(), nodes: [evil] } }), /[\x07\x1b]/)
})

t.test('a channel that cannot be opened says why; no channel says nothing', async (t) => {
  const error = 'listen EADDRNOTAVAIL 10.32.137.20:8405'
  t.match(table({ ...status(), peers: { ...peers(), error } }), /! nobody can come in: listen EADDRNOTAVAIL/)
  t.notMatch(table(), /NODES/)
})

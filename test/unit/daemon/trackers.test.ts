import t from 'tap'
import { Trackers } from '../../../src/daemon/trackers.js'
import type { Link } from '../../../src/os/rtnetlink.js'
import type { Tracker, TrackState } from '../../../src/track/tracker.js'
import { link } from '../../fakes/fake-kernel.js'
import { configOf } from '../../fakes/fake-node.js'

class FakeTracker implements Tracker {
  readonly name: string
  level: TrackState = { state: 'init', value: 0, detail: '' }
  readonly calls: string[] = []

  constructor(name: string) {
    this.name = name
  }

  start(): void {
    this.calls.push('start')
  }

  stop(): void {
    this.calls.push('stop')
  }
}

function trackers() {
  const made: FakeTracker[] = []
  const links = new Map<string, Link>()
  const make = ({ name }: { readonly name: string }): FakeTracker => {
    const one = new FakeTracker(name)
    made.push(one)
    return one
  }
  const ports = {
    netlink: { link: (name: string) => links.get(name) },
    make: { script: make, file: make, process: make }
  }
  const find = (name: string): FakeTracker => {
    const found = made.findLast((one) => one.name === name)
    if (found === undefined) throw new Error(`no tracker ${name}`)
    return found
  }
  return { one: new Trackers(ports), made, links, find }
}

const config = (tracks: string, rest = '', weight = 0) =>
  configOf(`
global_defs: { script_user: nobody }
vrrp_script:
  - { name: chk, script: /bin/true, weight: ${weight} }
  - { name: unused, script: /bin/true }
vrrp_track_file: [ { name: f, file: /run/f, weight: 2 } ]
vrrp_track_process: [ { name: p, process: nginx, weight: -10 } ]
vrrp:
  - name: A
    interface: bond0
    virtual_router_id: 1
    priority: 100
    virtual_ipaddress: [ 10.0.0.1 ]
${tracks}
${rest}`)

const SCRIPT = '    track_script: [ chk ]'
const trackedOf = (one: Trackers, tracks: string) => one.tracked(config(tracks).vrrp[0] ?? { track: none })
const none = { interfaces: [], scripts: [], files: [], processes: [] }

t.test('what somebody hangs on is looked at, each once, and nothing else is', async (t) => {
  const { one, made } = trackers()
  const all = `${SCRIPT}\n    track_file: [ f ]\n    track_process: [ p ]`
  const other = `  - name: B
    interface: bond0
    virtual_router_id: 2
    virtual_ipaddress: [ 10.0.0.2 ]
    track_script: [ chk ]
`
  one.configure(config(all, other))
  t.strictSame(
    made.map(({ name, calls }) => [name, ...calls]),
    [
      ['chk', 'start'],
      ['f', 'start'],
      ['p', 'start']
    ]
  )
})

t.test('a reload lets what is as it was go on with what it knows, and makes anew what differs', async (t) => {
  const { one, made, find } = trackers()
  one.configure(config(`${SCRIPT}\n    track_file: [ f ]`))
  find('chk').level = { state: 'up', value: 0, detail: '' }
  one.configure(config(`${SCRIPT}\n    track_process: [ p ]`))
  t.strictSame(
    made.map(({ name, calls }) => [name, ...calls]),
    [
      ['chk', 'start'],
      ['f', 'start', 'stop'],
      ['p', 'start']
    ]
  )
  t.equal(trackedOf(one, SCRIPT)[0]?.state, 'up')
  one.configure(config(SCRIPT, '', 5))
  t.strictSame(made[0]?.calls, ['start', 'stop'])
  t.equal(made.length, 4)
  const label = 'script chk'
  t.match(
    trackedOf(one, SCRIPT),
    [{ label, state: 'up', weight: 5 }],
    'what was known of it counts until it knows better'
  )
  find('chk').level = { state: 'down', value: 0, detail: 'exit status 1' }
  t.match(trackedOf(one, SCRIPT), [{ label, state: 'down', detail: 'exit status 1' }])
})

t.test(
  'what a reload adds is no fault before its first result, unless it says init_fail; at the start it is',
  async (t) => {
    const { one, find } = trackers()
    one.configure(config(SCRIPT))
    t.match(trackedOf(one, SCRIPT), [{ state: 'init' }])
    one.configure(config(''))
    one.configure(config(SCRIPT))
    t.match(trackedOf(one, SCRIPT), [{ state: 'up' }])
    find('chk').level = { state: 'down', value: 0, detail: '' }
    t.match(trackedOf(one, SCRIPT), [{ state: 'down' }])
    const doubted = configOf(`
vrrp_script: [ { name: chk, script: /bin/true, init_fail: true } ]
vrrp: [ { name: A, interface: e, virtual_router_id: 1, virtual_ipaddress: [ 10.0.0.1 ], track_script: [ chk ] } ]
`)
    const other = trackers().one
    other.configure(config(''))
    other.configure(doubted)
    t.match(trackedOf(other, SCRIPT), [{ state: 'init' }])
  }
)

t.test('stopping stops each once', async (t) => {
  const { one, made } = trackers()
  one.configure(config(SCRIPT))
  one.stop()
  one.stop()
  t.strictSame(made[0]?.calls, ['start', 'stop'])
})

t.test(
  'a script is up or down with its own weight or the one of who hangs on it; reverse turns it, never what is unknown',
  async (t) => {
    const { one, find } = trackers()
    one.configure(config(SCRIPT, '', 7))
    const reversed = '    track_script: [ { name: chk, weight: -3, reverse: true } ]'
    t.match(trackedOf(one, SCRIPT), [{ label: 'script chk', state: 'init', weight: 7, value: 0 }])
    t.match(trackedOf(one, reversed), [{ state: 'init', weight: -3 }])
    find('chk').level = { state: 'up', value: 0, detail: '' }
    t.match(trackedOf(one, SCRIPT), [{ state: 'up' }])
    t.match(trackedOf(one, reversed), [{ state: 'down' }])
    find('chk').level = { state: 'down', value: 0, detail: 'exit code 1' }
    t.match(trackedOf(one, SCRIPT), [{ state: 'down', detail: 'exit code 1' }])
    t.match(trackedOf(one, reversed), [{ state: 'up' }])
  }
)

t.test('a file adds its number times its weight; with weight 0 any number but 0 is a fault', async (t) => {
  const { one, find } = trackers()
  const file = '    track_file: [ f ]'
  one.configure(config(file))
  find('f').level = { state: 'up', value: 21, detail: '' }
  t.strictSame(trackedOf(one, file), [{ label: 'file f', state: 'up', weight: 0, value: 42, detail: '21 × 2' }])
  t.match(trackedOf(one, '    track_file: [ { name: f, weight: 3, reverse: true } ]'), [{ value: -63 }])
  const boolean = '    track_file: [ { name: f, weight: 0 } ]'
  t.match(trackedOf(one, boolean), [{ state: 'down', weight: 0, value: 0 }])
  find('f').level = { state: 'up', value: 0, detail: 'is not there' }
  t.match(trackedOf(one, boolean), [{ state: 'up' }])
  t.match(trackedOf(one, file), [{ value: 0, detail: 'is not there' }])
})

t.test('an interface is up when it is switched on and has a carrier', async (t) => {
  const { one, links } = trackers()
  const track = '    track_interface: [ eth9 ]'
  const look = () => trackedOf(one, track)[0]
  t.match(look(), { label: 'interface eth9', state: 'down', detail: 'does not exist', weight: 0 })
  links.set('eth9', link({ name: 'eth9', isUp: false, isRunning: false }))
  t.match(look(), { state: 'down', detail: 'switched off' })
  links.set('eth9', link({ name: 'eth9', isRunning: false }))
  t.match(look(), { state: 'down', detail: 'no carrier' })
  links.set('eth9', link({ name: 'eth9' }))
  t.match(look(), { state: 'up', detail: '' })
  const reversed = '    track_interface: [ { name: eth9, weight: -20, reverse: true } ]'
  t.match(trackedOf(one, reversed), [{ state: 'down', weight: -20 }])
})

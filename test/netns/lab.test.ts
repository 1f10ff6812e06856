import { existsSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import t from 'tap'
import { Child } from '../lab/child.js'
import { Keepalived, keepalivedConf } from '../lab/keepalived.js'
import { Lab, vip } from '../lab/lab.js'
import { whyNoLab } from '../lab/packages.js'
import { nowMs, pause } from '../lab/wait.js'

t.setTimeout(280_000)
const skip = whyNoLab(['keepalived', 'tcpdump', 'tshark']) ?? false

t.test(
  'the lab itself, proven with keepalived alone: what the recorders say is what keepalived does',
  { skip },
  async (t) => {
    const lab = new Lab()
    t.teardown(() => lab.close())
    const [one, two] = lab.masters
    await lab.watchOwners()
    const capture = await lab.capture('ip proto 112 or arp')
    const first = lab.ending(new Keepalived(lab, one, keepalivedConf(vip, { priority: 100, state: 'MASTER' })))
    const second = lab.ending(new Keepalived(lab, two, keepalivedConf(vip, { priority: 88 })))
    await Promise.all([first.started(), second.started()])

    await lab.owners.until(['m1'], 6000)
    const stopped = nowMs()
    await first.stop()
    const taken = await lab.owners.until(['m2'], 2000)
    t.ok(taken - stopped < 1000, `priority 0 hands over within a second (${Math.round(taken - stopped)} ms)`)
    t.equal(lab.owners.longestOverlap(stopped), 0, 'never two owners')

    second.killAtOnce()
    await second.child.exited
    t.ok(lab.hasVip(two), 'keepalived leaves its VIP behind when it is killed')

    await capture.stop()
    const adverts = capture.read('vrrp', ['ip.src', 'vrrp.prio', 'vrrp.checksum.status'])
    t.ok(adverts.length > 1, 'adverts were captured')
    t.ok(
      adverts.every((advert) => advert['vrrp.checksum.status'] === '1'),
      'tshark can tell a good checksum'
    )
    t.match(
      adverts.filter((advert) => advert['vrrp.prio'] === '0')[0],
      { 'ip.src': one.address },
      'and saw the priority 0'
    )
  }
)

t.test(
  'a lab that is interrupted twice in a row leaves no namespace and no folder',
  { skip: whyNoLab([]) ?? false },
  async (t) => {
    const lab = new URL('../lab/lab.js', import.meta.url).href
    const script = `const { Lab } = await import('${lab}'); new Lab(); setInterval(() => {}, 1000); console.log('there')`
    const child = new Child([process.execPath, '--input-type=module', '--eval', script])
    t.teardown(() => child.stop('SIGKILL'))
    await child.line(/^there$/, 20_000)
    const isOurs = (name: string): boolean => name.startsWith(`vipd-${child.pid}-`)
    t.equal(readdirSync('/run/netns').filter(isOurs).length, 5)
    child.signal('SIGINT')
    await pause(20)
    child.signal('SIGINT')
    t.strictSame(await child.exited, { code: 130, signal: null })
    t.strictSame(existsSync('/run/netns') ? readdirSync('/run/netns').filter(isOurs) : [], [])
    t.strictSame(readdirSync(tmpdir()).filter(isOurs), [])
  }
)

import { join } from 'node:path'
import t from 'tap'
import { doctorText } from '../../../src/cli/doctor-text.js'
import type { Finding } from '../../../src/doctor/finding.js'
import { vipd } from './vipd.js'

const finding = (level: Finding['level'], check: string, what: string): Finding => ({
  level,
  check,
  what,
  why: 'clients reach whoever answered last, and that may be a host which has no proxy at all, or one that is in its grave',
  mend: 'ip address del 10.0.0.99/32 dev eth0'
})

t.test('findings for a person: what, why and how to mend it, once for those alike, at most 100 columns', async (t) => {
  const diagnosis = {
    checks: ['vip-answered', 'mtu', 'readyz', 'haproxy'],
    findings: [
      finding('error', 'vip-answered', '10.0.0.99 is answered by 02:00:00:00:00:02, and nobody sends adverts for it'),
      finding('note', 'mtu', 'short'),
      finding('note', 'mtu', 'shorter')
    ],
    blind: [{ what: 'the firewall', why: 'nft: no such program\x1b[2J' }]
  }
  t.equal(
    doctorText('/etc/vipd/vipd.yaml', diagnosis, false),
    `/etc/vipd/vipd.yaml: 4 checks: 1 error, 0 warnings, 2 notes

error: 10.0.0.99 is answered by 02:00:00:00:00:02, and nobody sends adverts for it [vip-answered]
  why:  clients reach whoever answered last, and that may be a host which has no proxy at all, or
        one that is in its grave
  mend: ip address del 10.0.0.99/32 dev eth0

note: short [mtu]
note: shorter [mtu]
  why:  clients reach whoever answered last, and that may be a host which has no proxy at all, or
        one that is in its grave
  mend: ip address del 10.0.0.99/32 dev eth0

not looked at: the firewall: nft: no such program?[2J

nothing found: readyz, haproxy
`
  )
  t.match(doctorText('f', diagnosis, true), '\x1b[31merror:\x1b[0m 10.0.0.99')
})

t.test('where everything is found to be wrong, nothing is listed as well', async (t) => {
  const text = doctorText('f', { checks: ['mtu'], findings: [finding('error', 'mtu', 'x')], blind: [] }, false)
  t.notMatch(text, /nothing found/)
})

t.test('a configuration that is not valid, and words that make no sense: exit 2', async (t) => {
  const file = join(t.testdir({ 'bad.yaml': 'vrrp: [ { name: x } ]\n' }), 'bad.yaml')
  t.match(await vipd('doctor', '-c', file), { code: 2, out: '', err: /bad\.yaml:1:/ })
  t.match(await vipd('doctor', '-c', file, '--listen', '0'), {
    code: 2,
    out: '',
    err: /--listen is a number of seconds/
  })
})

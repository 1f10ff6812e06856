import t from 'tap'
import { openFilesOfService } from '../../../src/doctor/look/limits.js'

const files = (all: Readonly<Record<string, string>>) => ({
  read: async (path: string) => all[path],
  list: async (path: string) =>
    Object.keys(all).flatMap((one) => (one.startsWith(`${path}/`) ? [one.slice(path.length + 1)] : []))
})
const LIMITS = `Limit                     Soft Limit           Hard Limit           Units
Max processes             95964                95964                processes
Max open files            1024                 20000                files
`
const unit = (line: string): string => `[Service]\nType=notify\n${line}\n`

t.test('the daemon that runs is asked first: its hard limit, since it raises the soft one itself', async (t) => {
  const host = files({ 'proc/77/limits': LIMITS, 'usr/lib/systemd/system/vipd.service': unit('LimitNOFILE=131072') })
  t.equal(await openFilesOfService(host, 77), 20_000)
  t.equal(await openFilesOfService(host, undefined), 131_072, 'no daemon: what its unit says')
  t.equal(await openFilesOfService(host, 78), 131_072, 'one that has just ended')
  const free = files({ 'proc/77/limits': LIMITS.replace('20000', 'unlimited') })
  t.equal(await openFilesOfService(free, 77), Number.POSITIVE_INFINITY)
})

t.test('of units the administrator’s counts, and drop-ins over it', async (t) => {
  const all = {
    'usr/lib/systemd/system/vipd.service': unit('LimitNOFILE=1000'),
    'etc/systemd/system/vipd.service': unit('LimitNOFILE=8K:64K')
  }
  t.equal(await openFilesOfService(files(all), undefined), 65_536)
  const over = { ...all, 'etc/systemd/system/vipd.service.d/b.conf': unit('LimitNOFILE=infinity') }
  t.equal(await openFilesOfService(files(over), undefined), Number.POSITIVE_INFINITY)
  const both = { ...over, 'etc/systemd/system/vipd.service.d/c.conf': unit('LimitNOFILE=5') }
  t.equal(await openFilesOfService(files(both), undefined), 5)
})

t.test('neither daemon nor unit: nobody knows', async (t) => {
  t.equal(await openFilesOfService(files({}), undefined), undefined)
  t.equal(await openFilesOfService(files({ 'lib/systemd/system/vipd.service': unit('') }), undefined), undefined)
})

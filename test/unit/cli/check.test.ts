import { symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { ReloadVerdict } from '../../../src/admin/status.js'
import { status } from '../../fakes/status.js'
import { serve, vipd } from './vipd.js'

/** `vipd check` beside a daemon: what a reload would change. */

const YAML =
  'proxy: [ { name: api, bind: [ 127.0.0.1:8443 ], maxconn: 10, servers: [ { name: a, address: 127.0.0.1:1 } ] } ]\n'

async function check(t: Test, verdict: Partial<ReloadVerdict>, loaded?: string) {
  const folder = t.testdir()
  const file = join(folder, 'vipd.yaml')
  writeFileSync(file, YAML)
  const link = join(folder, 'link.yaml')
  symlinkSync(file, link)
  const socket = await serve(t, {
    status: async () => ({ ...status(), config: { ...status().config, path: loaded ?? link } }),
    preview: async () => ({ verdict: 'applied', problems: [], applied: [], changes: [], ...verdict })
  })
  const { code, out } = await vipd('check', '-c', file, '--socket', socket)
  return { code, out: out.replace(file, 'FILE') }
}

const OK = 'FILE: ok: 0 VRRP instances, 1 service\n'

t.test('what a reload would apply, and what waits for a restart', async (t) => {
  const { code, out } = await check(t, { verdict: 'needs-restart', applied: ['b: 3 → 4'], changes: ['a: 1 → 2'] })
  t.equal(code, 0)
  t.equal(out, `${OK}a reload would apply:\n  b: 3 → 4\nafter a restart:\n  a: 1 → 2\n`)
})

t.test('a file that is in force already', async (t) => {
  t.equal(
    (await check(t, { verdict: 'unchanged' })).out,
    `${OK}it is what the daemon runs with: a reload would change nothing\n`
  )
})

t.test('a daemon that runs with another file, or none at all, is left out', async (t) => {
  const other = join(t.testdir({ other: YAML }), 'other')
  t.equal((await check(t, { applied: ['b: 3 → 4'] }, other)).out, OK)
  t.equal((await check(t, { applied: ['b: 3 → 4'] }, '/nowhere')).out, OK)
  const file = join(t.testdir({ 'vipd.yaml': YAML }), 'vipd.yaml')
  const alone = await vipd('check', '-c', file, '--socket', '/nowhere')
  t.match(alone, { code: 0, out: `${file}: ok: 0 VRRP instances, 1 service\n` })
})

import { readFileSync } from 'node:fs'
import t from 'tap'
import { metricsText } from '../../src/admin/metrics.js'
import { CONDITION_NAMES } from '../../src/vrrp/conditions.js'
import { status } from '../fakes/status.js'

/** What is shipped beside the program knows its names. */

const text = (path: string): string => readFileSync(new URL(`../../../packaging/${path}`, import.meta.url), 'utf8')

t.test('every metric that an alert or the dashboard asks for is one that vipd has', async (t) => {
  const metrics = await metricsText(status())
  const known = new Set([...metrics.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name))
  for (const file of ['prometheus/vipd.rules.yml', 'grafana/vipd.json']) {
    const asked = [...new Set(text(file).match(/\b(?:vipd|process)_[a-z_]+\b/g))]
    t.ok(asked.length > 5, file)
    for (const name of asked) t.ok(known.has(name), `${file}: ${name}`)
  }
})

t.test('every condition that an alert names is one that vipd knows', async (t) => {
  const asked = /condition=~"([^"]+)"/.exec(text('prometheus/vipd.rules.yml'))?.[1]?.split('|') ?? []
  t.equal(asked.length, 3)
  const known: readonly string[] = CONDITION_NAMES
  for (const name of asked) t.ok(known.includes(name), name)
})

t.test('every alert has a test', async (t) => {
  const names = [...text('prometheus/vipd.rules.yml').matchAll(/- alert: (\w+)/g)].map(([, name]) => name)
  const tests = text('prometheus/vipd.rules_test.yml')
  t.ok(names.length >= 10)
  for (const name of names) t.match(tests, new RegExp(`alertname: ${name}\\b`), name ?? '')
})

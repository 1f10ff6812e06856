import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { seedConfig } from '../lab/config.js'
import { Lab } from '../lab/lab.js'
import { whyNoLab } from '../lab/packages.js'
import { Vipd } from '../lab/vipd.js'
import { poll } from '../lab/wait.js'

/** Alert rules by Debian's promtool, and the dashboard's questions to a real Prometheus that scrapes a real vipd. */

t.setTimeout(120_000)
const skip = whyNoLab(['prometheus']) ?? false
const packaging = new URL('../../../packaging/', import.meta.url).pathname

t.test('the rules are sound, and each alert fires when it should and not before', { skip }, async (t) => {
  for (const words of [
    ['check', 'rules', 'vipd.rules.yml'],
    ['test', 'rules', 'vipd.rules_test.yml']
  ]) {
    const { status, stdout, stderr } = spawnSync('promtool', words, {
      cwd: join(packaging, 'prometheus'),
      encoding: 'utf8'
    })
    t.equal(status, 0, `${words.join(' ')}\n${stdout}${stderr}`)
  }
})

t.test('every panel of the dashboard has an answer from a Prometheus that scrapes a vipd', { skip }, async (t) => {
  const lab = new Lab()
  const folder = mkdtempSync(join(tmpdir(), 'vipd-prometheus-'))
  t.teardown(async () => {
    await lab.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const [m1] = lab.masters
  await lab.run(m1, ['ip', 'link', 'set', 'lo', 'up'])
  for (const node of lab.masters) await lab.startApiserver(node)
  const config = { ...JSON.parse(seedConfig(lab, m1, { priority: 100 })) }
  config.admin.listen = '127.0.0.1:8404'
  const vipd = lab.ending(new Vipd(lab, m1, JSON.stringify(config)))
  await vipd.start()
  const yml = join(folder, 'prometheus.yml')
  writeFileSync(
    yml,
    `global: { scrape_interval: 1s }\nscrape_configs: [ { job_name: vipd, static_configs: [ { targets: [ "127.0.0.1:8404" ] } ] } ]\n`
  )
  const words = [
    `--config.file=${yml}`,
    `--storage.tsdb.path=${join(folder, 'data')}`,
    '--web.listen-address=127.0.0.1:9090'
  ]
  lab.start(m1, ['prometheus', ...words])
  const ask = async (query: string): Promise<number> => {
    const url = `http://127.0.0.1:9090/api/v1/query?query=${encodeURIComponent(query)}`
    const script = `fetch(${JSON.stringify(url)}).then((r) => r.json()).then((j) => console.log(j.status === 'success' ? j.data.result.length : j.error), () => console.log(-1))`
    return Number(await lab.run(m1, [process.execPath, '-e', script]))
  }
  await poll(async () => (await ask('rate(vipd_proxy_sessions_total[10s])')) > 0, 60_000, 'two scrapes')
  const dashboard = JSON.parse(readFileSync(join(packaging, 'grafana/vipd.json'), 'utf8')) as {
    panels: { title: string; targets: { expr: string }[] }[]
  }
  for (const { title, targets } of dashboard.panels) {
    for (const { expr } of targets) {
      const query = expr.replaceAll('$node', '.*').replaceAll('$__rate_interval', '10s')
      t.ok((await ask(query)) > 0, `${title}: ${query}`)
    }
  }
})

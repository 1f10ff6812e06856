import { readFileSync } from 'node:fs'
import stringWidth from 'string-width'
import t from 'tap'
import { importDiff } from '../../../src/cli/import-diff.js'
import { convert, type Source } from '../../../src/config/import/convert.js'

const keepalived: Source = {
  path: '/etc/keepalived/keepalived.conf',
  text: [
    'vrrp_instance VI_1 {',
    '\tstate MASTER # 当前角色',
    '\tinterface bond0',
    '\tvirtual_router_id 88',
    '\tpriority 100',
    '\tvirtual_ipaddress {',
    '\t\t10.32.255.99',
    '\t}',
    '}',
    ''
  ].join('\n')
}
const haproxy: Source = {
  path: 'haproxy.cfg',
  text: [
    'global',
    '  daemon',
    '  spread-checks 3',
    'listen api',
    '  bind 10.32.255.99:8443',
    '  timeout connect 5s',
    '  timeout client 900s',
    '  timeout server 900s',
    '  server a 10.0.0.1:6443 check inter 5000 fall 5',
    '  server b 10.0.0.2:6443 check inter 5000 fall 5',
    ''
  ].join('\n')
}

const shown = (sources: readonly Source[], columns = 160): string[] => {
  const [first, second] = sources
  return importDiff(sources, convert(first, second), { columns, isColoured: false }).split('\n')
}
/** The line whose left half begins so. */
const beside = (lines: readonly string[], left: string): string =>
  lines.find((one) => one.trimStart().startsWith(left)) ?? ''

t.test('every line of the old files is there once, in its order, and what became of it beside it', async (t) => {
  const lines = shown([keepalived, haproxy])
  const lefts = lines.map((one) => one.slice(0, 40).trimEnd()).filter((one) => one !== '')
  const old = [keepalived, haproxy].flatMap(({ text }) => text.split('\n').slice(0, -1))
  t.strictSame(
    lefts.filter((one) => old.some((line) => line.replaceAll('\t', '  ').slice(0, 40).trimEnd() === one)).length,
    old.length
  )
  t.match(beside(lines, 'virtual_router_id 88'), / = {5}virtual_router_id: 88$/)
  t.match(beside(lines, 'bind 10.32'), / = {5}bind: \[ 10\.32\.255\.99:8443 \]$/)
  t.match(
    beside(lines, 'server b'),
    /^ {2}server b 10\.0\.0\.2:6443 check inter 5000 fall 5 +! {7}- \{ name: b, address: 10\.0\.0\.2:6443 \}$/
  )
})

t.test('what was left out says why; what is carried over elsewhere says where', async (t) => {
  const lines = shown([keepalived, haproxy])
  t.match(beside(lines, 'daemon'), / - # daemon: systemd/)
  t.match(beside(lines, 'state MASTER'), / - # state MASTER: not needed/)
  t.match(beside(lines, 'spread-checks 3'), / = # in the lines that it applies to$/)
  t.match(beside(lines, 'timeout client 900s'), / ! # in what is beside line 6$/)
  t.match(beside(lines, 'timeout connect 5s'), / = {5}timeout: \{ connect: 5s, client: 900s, server: 900s \}$/)
})

t.test('the same words about another line are not said twice', async (t) => {
  const lines = shown([keepalived, haproxy])
  const text = lines.join('\n')
  t.equal(text.match(/a server that is gone gets connections/g)?.length, 1)
  t.match(text, /# inter 5000 fall 5: as said at line 9/)
})

t.test('nothing is wider than the terminal, whatever it is written in', async (t) => {
  const seed = new URL('../../../../../shared/seed/', import.meta.url)
  const own = (name: string, fallback: Source): Source => {
    try {
      return { path: name, text: readFileSync(new URL(name, seed), 'utf8') }
    } catch {
      return fallback
    }
  }
  const sources = [own('keepalived-master.conf', keepalived), own('haproxy.cfg', haproxy)]
  for (const columns of [60, 80, 100, 133])
    for (const line of shown(sources, columns).slice(1)) t.ok(stringWidth(line) <= columns, `${columns}: ${line}`)
  const [comment = ''] = shown([keepalived, haproxy], 80).filter((one) => one.includes('当前角色'))
  t.equal(stringWidth(comment.slice(0, comment.indexOf(' - '))), 38, 'Chinese takes two columns each')
})

t.test('what is in a file cannot steer the terminal', async (t) => {
  const evil = { ...keepalived, text: keepalived.text.replace('# 当前', '# \x1b[2J') }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that there is none is what is tested
  t.notMatch(shown([evil, haproxy]).join(''), /\x1b/)
})

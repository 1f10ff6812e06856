import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { decodeKubeconfig, readKubeconfig } from '../../../bench/cluster/kubeconfig.js'
import { parsePlan, planWords } from '../../../bench/cluster/plan.js'
import { scenariosOf, summaryRows } from '../../../bench/cluster/summary.js'

const base64 = (text: string): string => Buffer.from(text).toString('base64')

const config = (user: string, more = ''): string => `
apiVersion: v1
kind: Config
current-context: a
clusters:
- name: c
  cluster: { server: "https://10.0.0.1:8443", certificate-authority-data: ${base64('CA')}${more} }
contexts:
- name: a
  context: { cluster: c, user: u }
- name: broken
  context: { cluster: c, user: nobody }
users:
- name: u
  user: ${user}
`

t.test('a kubeconfig gives server, authority and credentials', async (t) => {
  const read = decodeKubeconfig(config(`{ token: secret, client-certificate-data: ${base64('CERT')} }`), 'f')
  t.match(read, {
    ok: true,
    access: { server: 'https://10.0.0.1:8443', user: 'u', token: 'secret', isInsecure: false }
  })
  t.equal(read.ok && read.access.ca?.toString(), 'CA')
  t.equal(read.ok && read.access.cert?.toString(), 'CERT')
})

t.test('files that it names are relative to itself', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'kubeconfig-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(join(folder, 'token'), 'from-file\n')
  writeFileSync(join(folder, 'config'), config('{ tokenFile: token }'))
  t.match(readKubeconfig(join(folder, 'config')), { ok: true, access: { token: 'from-file' } })
})

t.test('what cannot be used says why, with the file, and shows no secret', async (t) => {
  const rows: [string, string | undefined, RegExp][] = [
    [config('{ exec: { command: aws } }'), undefined, /f: user “u” is got by a program/],
    [config('{ username: a, password: hidden }'), undefined, /password: apiservers take none/],
    [config('{ token: t }'), 'other', /no context “other”; it has: a, broken/],
    [config('{ token: t }'), 'broken', /user that is not there: nobody/],
    ['clusters: 3', undefined, /f: is no kubeconfig: clusters/],
    [config('{ token: t }').replace('https:', 'http:'), undefined, /not https/]
  ]
  for (const [text, context, problem] of rows) {
    const read = decodeKubeconfig(text, 'f', context)
    t.match(read, { ok: false, problem })
    t.notMatch(JSON.stringify(read), /hidden/)
  }
  t.match(readKubeconfig('/nowhere/config'), { ok: false, problem: /\/nowhere\/config: cannot be read/ })
})

t.test('the plan has bounds, by default and at most', async (t) => {
  const words = ['--target', 'https://10.0.0.1:8443', '--kubeconfig', 'f']
  t.match(parsePlan(words), { ok: true, plan: { rate: 20, seconds: 30, watches: 10, isYes: false, direct: [] } })
  for (const [more, problem] of [
    [['--rate', '501'], /--rate is from 1 to 500/],
    [['--seconds', '0'], /--seconds/],
    [['--watches', 'many'], /--watches/],
    [['--direct', 'https://x'], /--direct is HOST:PORT/],
    [['--nonsense'], /nonsense/]
  ] as const)
    t.match(parsePlan([...words, ...more]), { ok: false, problem })
  t.match(parsePlan(['--target', 'http://x', '--kubeconfig', 'f']), { ok: false, problem: /--target is https/ })
  t.match(parsePlan(['--target', 'https://x:1']), { ok: false, problem: /--kubeconfig/ })
})

t.test('what will be done is said with its numbers and addresses', async (t) => {
  const parsed = parsePlan(['--target', 'https://10.0.0.1:8443', '--kubeconfig', 'f', '--seconds', '5'])
  const text = parsed.ok ? planWords(parsed.plan, ['10.0.0.1:8443', '10.0.0.2:6443'], 'admin') : ''
  for (const part of [
    /100 requests in 5 s/,
    /10 watches each way/,
    /10\.0\.0\.1:8443/,
    /10\.0\.0\.2:6443/,
    /“admin”; it only reads/
  ])
    t.match(text, part)
})

t.test(
  'answers are told by question and way, errors by kind, servers by name; what failed wholly is a problem',
  async (t) => {
    const ways = ['vip:1', 'm1:2']
    const sample = (way: string, kind: string, error?: string) => ({
      way,
      kind,
      round: 1,
      answer: { tookMs: 2, server: 's1', ...(error !== undefined && { error }) }
    })
    const samples = [
      sample('vip:1', 'readyz'),
      sample('vip:1', 'readyz', 'timeout'),
      sample('m1:2', 'readyz', 'status 500')
    ]
    const watches = [
      { way: 'vip:1', watch: { isOpen: true, server: 's1', events: 3, ended: '' } },
      { way: 'vip:1', watch: { isOpen: true, server: 's2', events: 0, ended: 'ECONNRESET' } }
    ]
    const [readyz] = scenariosOf(samples, watches, ways)
    t.match(readyz?.cells, [
      { target: 'vip', ok: true, figures: { answered: 1, errors: 1, servers: 1, p50_us: 2000 } },
      { target: 'direct', ok: false, problem: 'none answered: 1 status 500' }
    ])
    t.match(scenariosOf(samples, watches, ways).at(-1)?.cells, [
      { figures: { open: 1, errors: 1, events: 3, servers: 2 } }
    ])
    t.match(summaryRows(samples, watches, ways), [
      ['readyz', 'vip:1', '1', '1 (1 timeout)'],
      ['readyz', 'm1:2', '0', '1 (1 status 500)'],
      ['watch', 'vip:1', '1', '1 (1 ECONNRESET)']
    ])
  }
)

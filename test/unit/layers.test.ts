import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { CONDITION_NAMES } from '../../src/vrrp/conditions.js'
import { newCounters } from '../../src/vrrp/counters.js'

// The house's rules (docs/architecture.md): who may import whom, who owns which package, how long a file may be.

const root = fileURLToPath(new URL('../../../', import.meta.url))
const src = join(root, 'src')

interface Import {
  readonly file: string
  /** A file below src/, or the name of a module. */
  readonly to: string
  readonly isType: boolean
  readonly isOurs: boolean
}

const files = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .sort()
const text = (file: string): string => readFileSync(join(src, file), 'utf8')

const imports: Import[] = files.flatMap((file) => {
  const code = text(file).replace(/^\s*(\/\/|\*|\/\*\*).*$/gm, '')
  const found = [
    ...[...code.matchAll(/^\s*(import|export)\s([^;'"]*?)from\s+'([^']+)'/gm)].map(([, , what = '', to = '']) => ({
      to,
      isType: isTypeOnly(what)
    })),
    ...[...code.matchAll(/^\s*import\s+'([^']+)'/gm)].map(([, to = '']) => ({ to, isType: false })),
    ...[...code.matchAll(/\bimport\('([^']+)'\)/g)].map(([, to = '']) => ({ to, isType: false })),
    ...[...code.matchAll(/\brequire\('([^']+)'\)/g)].map(([, to = '']) => ({ to, isType: false }))
  ]
  return found.map(({ to, isType }) => {
    const isOurs = to.startsWith('.')
    const target = isOurs ? relative(src, resolve(join(src, dirname(file)), to)).replace(/\.js$/, '.ts') : to
    return { file, to: target, isType, isOurs }
  })
})

/** `import type …`, or names that are all marked `type`. */
function isTypeOnly(what: string): boolean {
  if (/^type\s/.test(what.trimStart())) return true
  const names = /\{([^}]*)\}/.exec(what)?.[1]
  if (names === undefined || /^\s*\w/.test(what)) return false
  return names.split(',').every((name) => name.trim() === '' || name.trim().startsWith('type '))
}

const folderOf = (file: string): string => file.split('/')[0] ?? ''
const told = (found: readonly Import[]): string[] =>
  found.map(({ file, to, isType }) => `${file} -> ${to}${isType ? ' (type)' : ''}`)
const from = (folder: string): Import[] => imports.filter((one) => folderOf(one.file) === folder)
const ours = (folder: string): Import[] => from(folder).filter((one) => one.isOurs && folderOf(one.to) !== folder)

t.test('the imports were found', async (t) => {
  t.ok(files.length >= 50)
  t.ok(imports.length >= 150)
  t.ok(imports.some(({ file, to, isType }) => file === 'vrrp/addresses.ts' && to === 'os/netlink.ts' && isType))
  t.ok(imports.some(({ file, to, isType }) => file === 'vrrp/announcer.ts' && to === 'base/throttle.ts' && !isType))
  for (const one of imports.filter((one) => one.isOurs && one.to.endsWith('.ts') && one.to !== 'os/raw-socket.d.ts'))
    t.ok(files.includes(one.to), `${one.file} -> ${one.to}`)
})

/** The schema's own files: the only ones that make zod's values. */
const SCHEMA = [
  'config/fields.ts',
  'config/schema.ts',
  ...['bind', 'check', 'global', 'hmac', 'peers', 'server', 'service', 'syslog', 'track', 'vip', 'vrrp'].map(
    (name) => `config/${name}-schema.ts`
  )
]

/** Folder → what it may import at run time, and what by type alone. */
const MAY: Readonly<Record<string, { readonly run: readonly string[]; readonly type: readonly string[] }>> = {
  base: { run: [], type: [] },
  config: { run: ['base'], type: [] },
  os: { run: ['base'], type: [] },
  health: { run: ['base'], type: ['config', 'os'] },
  track: { run: ['health', 'base'], type: ['config', 'os'] },
  notify: { run: ['base'], type: ['config', 'os'] },
  peers: { run: ['base'], type: ['config', 'os'] },
  vrrp: { run: ['health', 'base'], type: ['config', 'os'] },
  proxy: { run: ['health', 'base'], type: ['config', 'os'] },
  admin: { run: ['base'], type: ['vrrp', 'proxy', 'peers'] },
  daemon: {
    run: ['admin', 'vrrp', 'proxy', 'track', 'notify', 'peers', 'health', 'config', 'os', 'base'],
    type: []
  },
  doctor: { run: ['vrrp', 'config', 'os', 'base'], type: [] },
  cli: { run: ['daemon', 'doctor', 'admin', 'config', 'base'], type: ['vrrp', 'proxy', 'peers'] }
}

for (const [folder, may] of Object.entries(MAY)) {
  t.test(`${folder} imports ${may.run.join(', ') || 'nothing of ours'} alone`, async (t) => {
    const wrong = ours(folder).filter(
      ({ to, isType }) => !may.run.includes(folderOf(to)) && !(isType && may.type.includes(folderOf(to)))
    )
    t.strictSame(told(wrong), [])
    t.ok(files.some((file) => folderOf(file) === folder))
  })
}

t.test('arrows that must never exist', async (t) => {
  const never = (what: string, wrong: readonly Import[]): void => {
    t.test(what, async (t) => t.strictSame(told(wrong), []))
  }
  never('vrrp and proxy are strangers to each other', [
    ...from('vrrp').filter(({ to }) => folderOf(to) === 'proxy'),
    ...from('proxy').filter(({ to }) => folderOf(to) === 'vrrp')
  ])
  never(
    'vrrp and proxy know the kernel edge by type alone',
    [...from('vrrp'), ...from('proxy')].filter(({ to, isType }) => folderOf(to) === 'os' && !isType)
  )
  never(
    'admin never imports daemon',
    from('admin').filter(({ to }) => folderOf(to) === 'daemon')
  )
  never(
    'nothing imports cli',
    imports.filter(({ file, to }) => folderOf(to) === 'cli' && folderOf(file) !== 'cli')
  )
  never(
    'nothing but cli/run, cli/release, cli/check, cli/doctor and what they load by imports daemon',
    imports.filter(
      ({ file, to }) =>
        folderOf(to) === 'daemon' &&
        folderOf(file) !== 'daemon' &&
        !['cli/run.ts', 'cli/release.ts', 'cli/check.ts', 'cli/doctor.ts', 'cli/load.ts'].includes(file)
    )
  )
  never(
    'src imports neither test nor bench',
    imports.filter(({ isOurs, to }) => isOurs && to.startsWith('..'))
  )
})

/** Pure: no Node module, no npm package, no clock, no log. Functions of their arguments. */
const PURE = [
  'base/bind.ts',
  'base/duration.ts',
  'base/errors.ts',
  'base/ip.ts',
  'config/diff.ts',
  'config/hints.ts',
  'config/problem.ts',
  'config/rules.ts',
  ...SCHEMA,
  'health/agent-words.ts',
  'health/http-head.ts',
  'health/http-response.ts',
  'health/icmp-echo.ts',
  'health/passive.ts',
  'health/shortage.ts',
  'health/tls-words.ts',
  'health/verdict.ts',
  'base/history.ts',
  'base/syslog-message.ts',
  'daemon/reload.ts',
  'notify/transition.ts',
  'vrrp/advert.ts',
  'base/checksum.ts',
  'vrrp/condition-words.ts',
  'vrrp/conditions.ts',
  'vrrp/group.ts',
  'vrrp/outbox.ts',
  'vrrp/own-advert.ts',
  'vrrp/patience.ts',
  'vrrp/replay.ts',
  'vrrp/sightings.ts',
  'vrrp/stamp.ts',
  'vrrp/counters.ts',
  'vrrp/machine.ts',
  'vrrp/neighbor.ts',
  'vrrp/receive.ts',
  'vrrp/timing.ts',
  'vrrp/tracking.ts',
  'proxy/balancer.ts',
  'proxy/changes.ts',
  'proxy/choice.ts',
  'proxy/listeners.ts',
  'proxy/order-words.ts',
  'proxy/orders.ts',
  'proxy/reasons.ts',
  'proxy/rebalance.ts',
  'proxy/ring.ts',
  'proxy/server-snapshot.ts',
  'proxy/slots.ts',
  'proxy/slowstart.ts',
  'proxy/smooth.ts',
  'proxy/descriptors.ts',
  'proxy/pool.ts',
  'proxy/snapshot.ts',
  'proxy/table.ts',
  'proxy/session-log.ts',
  'proxy/session-view.ts',
  'admin/requests.ts',
  'admin/status.ts',
  'daemon/pulse.ts',
  'cli/columns.ts',
  'cli/drain.ts',
  'cli/instance-table.ts',
  'cli/service-table.ts',
  'cli/table.ts',
  'cli/text.ts'
]

t.test('pure files reach for nothing', async (t) => {
  for (const file of PURE) {
    t.ok(files.includes(file), file)
    const wrong = imports.filter(
      (one) =>
        one.file === file &&
        !one.isType &&
        (one.isOurs
          ? one.to === 'base/clock.ts' || one.to === 'base/log.ts'
          : !(one.to === 'zod' && SCHEMA.includes(file)))
    )
    t.strictSame(told(wrong), [], file)
    const code = text(file)
    t.notMatch(code, /Date\.now\(|new Date\(|Math\.random\(|(?<![.\w])(process|performance)\./, file)
  }
})

const HOMES: Readonly<Record<string, readonly string[]>> = {
  pino: ['base/log.ts'],
  yaml: ['config/load.ts', 'config/position.ts', 'config/import/', 'doctor/look/kubernetes.ts'],
  yargs: ['cli/'],
  'yargs/helpers': ['cli/main.ts'],
  'string-width': ['cli/import-diff.ts'],
  zod: [...SCHEMA, 'config/issues.ts', 'config/sound.ts', 'config/import/'],
  netlink: ['os/netlink.ts', 'os/rtnetlink.ts'],
  'raw-socket': ['os/icmp.ts', 'os/raw-ip.ts'],
  'node-gyp-build': ['os/addon.ts'],
  nodemailer: ['os/mail.ts'],
  'prom-client': ['admin/metrics.ts']
}

t.test('every npm package has its one home', async (t) => {
  const foreign = imports.filter(({ isOurs, to }) => !isOurs && !to.startsWith('node:'))
  for (const { file, to, isType } of foreign) {
    const homes = HOMES[to] ?? HOMES[to.split('/')[0] ?? ''] ?? []
    t.ok(
      homes.some((home) => file === home || (home.endsWith('/') && file.startsWith(home))),
      `${file} -> ${to}`
    )
    if (to === 'yargs' && file !== 'cli/main.ts') t.ok(isType, `${file} takes its types alone`)
    if (to === 'zod' && !SCHEMA.includes(file)) t.ok(isType, `${file} takes its types alone`)
  }
  const listed: unknown = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const dependencies =
    typeof listed === 'object' && listed !== null && 'dependencies' in listed
      ? Object.keys(listed.dependencies ?? {})
      : []
  for (const name of dependencies)
    t.ok(
      foreign.some(({ to }) => to === name || to.startsWith(`${name}/`)),
      `${name} is used`
    )
})

t.test('one file calls setTimeout and its kin, one file loads the addon', async (t) => {
  const calls = (word: RegExp): string[] =>
    files.filter((file) => word.test(text(file).replace(/^\s*(\/\/|\*|\/\*\*).*$/gm, '')))
  t.strictSame(calls(/(?<![.\w])(setTimeout|setInterval|setImmediate)\(/), ['base/clock.ts'])
  t.strictSame(calls(/createRequire\(/), ['os/addon.ts', 'os/icmp.ts', 'os/raw-ip.ts'])
  t.strictSame(calls(/\bexecSync\(|\bspawnSync\(/), [], 'nothing blocks the main thread')
  const sync = calls(/\b(readFileSync|writeFileSync|statSync|existsSync|readdirSync)\(/)
  t.ok(
    sync.every((file) => folderOf(file) === 'cli'),
    sync.join()
  )
})

t.test('the C++ side of it: node_api.h in the addon files alone', async (t) => {
  const native = join(root, 'native/src')
  for (const file of readdirSync(native)) {
    const isAddon = file.startsWith('addon')
    if (!isAddon) t.notMatch(readFileSync(join(native, file), 'utf8'), /#include\s+[<"](node_api|napi)\.h/, file)
  }
})

t.test('no file is too long', async (t) => {
  const native = join(root, 'native/src')
  const lengths = [
    ...files.map((file) => [`src/${file}`, text(file).split('\n').length] as const),
    ...readdirSync(native).map(
      (file) => [`native/src/${file}`, readFileSync(join(native, file), 'utf8').split('\n').length] as const
    )
  ]
  for (const [file, lines] of lengths) t.ok(lines <= 401, `${file} has ${lines} lines`)
  const sorted = lengths.map(([, lines]) => lines).sort((a, b) => a - b)
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0
  t.ok(median < 130, `the median is ${median}`)
})

t.test('nothing is of type any', async (t) => {
  for (const file of files)
    t.notMatch(text(file).replace(/^\s*(\/\/|\*|\/\*\*).*$/gm, ''), /:\s*any\b|\bas any\b|<any>/, file)
})

t.test('docs/architecture.md names every source file', async (t) => {
  const page = readFileSync(join(root, 'docs/architecture.md'), 'utf8')
  const tree = page.slice(page.indexOf('<!-- tree -->'), page.indexOf('## Five walks'))
  const native = readdirSync(join(root, 'native/src')).map((name) => name.replace(/\.h$/, ''))
  const names = [
    ...files.map((file) => file.split('/').at(-1) ?? file),
    ...native.map((name) => name.replace(/\.cc$/, ''))
  ]
  t.strictSame(
    names.filter((name) => !tree.includes(` ${name}`)),
    []
  )
})

t.test('docs/operations.md explains every log message, condition and counter', async (t) => {
  const page = readFileSync(join(root, 'docs/operations.md'), 'utf8')
  // A call with two levels of brackets in its facts; the message is the literal with spaces, or the only one.
  const call = /(?:[lL]og\.(?:debug|info|warn|error|fatal)|#warn)\(((?:[^()]|\((?:[^()]|\([^()]*\))*\))*)\)/g
  const messages = files.flatMap((file) =>
    [...text(file).matchAll(call)]
      .flatMap(([, inside = '']) => [...inside.matchAll(/'([^']+)'/g)].map(([, literal = '']) => literal))
      .filter((literal) => literal.includes(' ') || ['listening', 'reload'].includes(literal))
  )
  t.ok(messages.length >= 55, `${messages.length}`)
  t.strictSame(
    messages.filter((message) => !page.includes(`\`${message}\``)),
    []
  )
  t.strictSame(
    CONDITION_NAMES.filter((name) => !page.includes(`| \`${name}\` |`)),
    []
  )
  const { rejected, ...counters } = newCounters()
  t.strictSame(
    Object.keys(counters).filter((name) => !page.includes(`\`${name}\``)),
    []
  )
  t.strictSame(
    Object.keys(rejected).filter((name) => !page.includes(`rejected.${name}\``) && !page.includes(`\`.${name}\``)),
    []
  )
})

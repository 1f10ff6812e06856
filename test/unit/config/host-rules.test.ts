import { join } from 'node:path'
import t from 'tap'
import type { HostChecks } from '../../../src/config/host-rules.js'
import { loadConfig } from '../../../src/config/load.js'
import { formatProblem } from '../../../src/config/problem.js'
import { hostChecks } from '../../../src/daemon/host-checks.js'
import { instance4 } from './table.js'

/** A host that has something against what `wrong` names, and remembers what it was asked. */
function hostWith(wrong: Readonly<Record<string, string>>): { readonly asked: string[]; readonly host: HostChecks } {
  const asked: string[] = []
  const look = async (path: string, ...user: readonly (string | null)[]): Promise<string | undefined> => {
    asked.push([path, ...user].join(' as '))
    return wrong[path]
  }
  const splitCommand: HostChecks['splitCommand'] = (line) => {
    const [program, ...rest] = line.split(' ')
    return program === undefined || line.includes("'") ? undefined : [program, ...rest]
  }
  return { asked, host: { splitCommand, programProblem: look, keyProblem: look, fileProblem: look } }
}

/** Every problem of a file, as `vipd check` prints them on that host. */
async function checked(folder: string, yaml: string, host?: HostChecks): Promise<string[]> {
  const { writeFile } = await import('node:fs/promises')
  const file = join(folder, 'vipd.yaml')
  await writeFile(file, yaml)
  const { config, problems } = await loadConfig(file, host)
  t.equal(
    config === undefined,
    problems.some((one) => one.severity === 'error')
  )
  return problems.map((problem) => formatProblem('f', problem))
}

const ALL = `global_defs: { script_user: scripts }
vrrp_script:
  - { name: a, script: /bin/a -x, user: nobody }
  - { name: b, script: /bin/a -y }
vrrp_sync_group: [ { name: G, group: [ VI_1, VI_2 ], notify_stop: /bin/g } ]
${instance4('notify_master: /bin/m', 'notify_backup: /bin/b', 'notify_fault: /bin/f', 'notify_stop: /bin/s', 'notify: /bin/n', 'auth_hmac: { key: [ { id: 1, file: /k }, { id: 2, credential: c } ] }')}  - { name: VI_2, interface: bond0, virtual_router_id: 89, virtual_ipaddress: [ 10.0.0.98 ] }
`

t.test('a script that others may write is told at its place, with the reason and the mend', async (t) => {
  const why =
    '/usr/local/bin/chk may be written by others (mode 0777), who could change what runs: chmod 755 /usr/local/bin/chk'
  const { host } = hostWith({ '/usr/local/bin/chk': why })
  const yaml = `vrrp_script:\n  - name: chk\n    script: /usr/local/bin/chk --fast\n${instance4('track_script: [ chk ]')}`
  t.strictSame(await checked(t.testdir(), yaml, host), [`f:3:13: ${why}`])
  t.strictSame(await checked(t.testdir(), yaml), [], 'without a host nothing is looked at')
})

t.test('every program and key file is looked at, once for each user, as who it runs as', async (t) => {
  const { asked, host } = hostWith({})
  t.strictSame(await checked(t.testdir(), ALL, host), [])
  const programs = ['g', 'm', 'b', 'f', 's', 'n'].map((one) => `/bin/${one} as scripts`)
  t.strictSame(asked, ['/bin/a as nobody', '/bin/a as scripts', ...programs, '/k'])
})

t.test('each is told where it stands', async (t) => {
  const names = ['/bin/a', '/bin/g', '/bin/m', '/bin/b', '/bin/f', '/bin/s', '/bin/n', '/k']
  const { host } = hostWith(Object.fromEntries(names.map((name) => [name, `${name} is missing`])))
  t.strictSame(await checked(t.testdir(), ALL, host), [
    'f:3:24: /bin/a is missing',
    'f:4:24: /bin/a is missing',
    'f:5:67: /bin/g is missing',
    'f:11:20: /bin/m is missing',
    'f:12:20: /bin/b is missing',
    'f:13:19: /bin/f is missing',
    'f:14:18: /bin/s is missing',
    'f:15:13: /bin/n is missing',
    'f:16:40: /k is missing'
  ])
})

t.test('a quote without its end is told; a shell is asked for what is surely a program alone', async (t) => {
  const { asked, host } = hostWith({})
  const scripts = (...lines: readonly string[]): string =>
    `vrrp_script:\n${lines.map((line, i) => `  - { name: s${i}, ${line} }\n`).join('')}${instance4()}`
  t.strictSame(await checked(t.testdir(), scripts(`script: "/bin/a 'x"`), host), [
    'f:2:25: a quote is not closed: give it its other end, or put a \\ before it'
  ])
  const shell = ["/bin/a 'x", '/bin/b | grep x', 'test -f /x', '[ -f /x ]', '/bin/$x y']
  t.strictSame(
    await checked(t.testdir(), scripts(...shell.map((one) => `script: ${JSON.stringify(one)}, shell: true`)), host),
    []
  )
  t.strictSame(asked, ['/bin/b as '])
})

t.test('what is sound of a file that has other problems is looked at too, and placed in the file', async (t) => {
  const { asked, host } = hostWith({ '/bin/a': '/bin/a is missing', '/k': '/k is missing' })
  const yaml = `vrrp_script:
  - { name: x }
  - { name: y, script: /bin/a, wieght: 3 }
${instance4('priority: 300', 'auth_hmac: { key: [ { id: 1, file: k }, { id: 2, file: /k } ] }')}`
  t.strictSame(await checked(t.testdir(), yaml, host), [
    'f:2:5: `script` is missing: it must be a command, like /usr/local/bin/check --fast',
    'f:3:24: /bin/a is missing',
    'f:3:32: unknown key `wieght`: did you mean `weight`?',
    'f:9:15: `priority` must be a whole number from 1 to 255: 255 is for the owner of the address',
    'f:10:40: `file` must be an absolute path',
    'f:10:60: /k is missing'
  ])
  t.ok(asked.includes('/k'))
})

const CHECKS = `proxy:
  - name: api
    bind: [ 10.0.0.9:8443 ]
    default_server: { check: { type: https, ca_file: /ca, crt: /crt, key: /key, token_file: /token } }
    servers:
      - { name: a, address: 10.0.0.1:6443 }
      - { name: b, address: 10.0.0.2:6443, check: { ca_file: /other } }
      - { name: c, address: 10.0.0.3:6443, check: false }
  - name: etcd
    bind: [ 10.0.0.9:2379 ]
    servers:
      - { name: a, address: 10.0.0.1:2379, check: { type: exec, command: /bin/chk -x, user: nobody } }
`

t.test(
  'files of checks that cannot be read are warnings, programs of checks that may not be run are errors',
  async (t) => {
    const { asked, host } = hostWith({
      '/ca': '/ca is not there',
      '/other': '/other is not there',
      '/token': '/token may not be read',
      '/bin/chk': '/bin/chk is missing'
    })
    t.strictSame(await checked(t.testdir(), CHECKS, host), [
      'f:4:54: warning: /ca is not there',
      'f:4:93: warning: /token may not be read',
      'f:7:62: warning: /other is not there',
      'f:12:74: /bin/chk is missing'
    ])
    t.strictSame(asked, ['/bin/chk as nobody', '/ca', '/crt', '/key', '/token', '/other'], 'each once')
  }
)

t.test('a file is looked at without reading it', async (t) => {
  const folder = t.testdir({ 'ca.crt': 'x', folder: {} })
  t.equal(await hostChecks.fileProblem(join(folder, 'ca.crt')), undefined)
  const end = 'the check fails until it can be read'
  t.equal(await hostChecks.fileProblem(join(folder, 'none')), `${join(folder, 'none')} is not there: ${end}`)
  t.equal(
    await hostChecks.fileProblem(join(folder, 'folder')),
    `${join(folder, 'folder')} is not a regular file: ${end}`
  )
})

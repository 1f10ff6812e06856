import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { Argv, ExecResult } from '../../../src/os/exec.js'
import { canChangeUser, credentialsOf, lookUpUser, scriptUser, type UserPorts } from '../../../src/os/users.js'

const folder = await mkdtemp(join(tmpdir(), 'vipd-users-'))
t.teardown(() => rm(folder, { recursive: true }))

const NONE: ExecResult = { ok: false, why: 'exit', code: 1, detail: 'exit status 1', output: '', tookMs: 1 }

/** @param directory what `id` says of a user: uid and gid */
async function setUp(passwd: string | undefined, directory: Record<string, [string, string]> = {}) {
  const asked: Argv[] = []
  const passwdFile = join(folder, 'passwd')
  await rm(passwdFile, { force: true })
  if (passwd !== undefined) await writeFile(passwdFile, passwd)
  const ports: UserPorts = {
    passwdFile,
    run: async (argv) => {
      asked.push(argv)
      const ids = directory[argv[3] ?? '']
      if (ids === undefined) return NONE
      return { ok: true, tookMs: 1, output: `${argv[1] === '-u' ? ids[0] : ids[1]}\n` }
    }
  }
  return { ports, asked }
}

const PASSWD = 'root:x:0:0::/root:/bin/sh\nweb-x:x:9:9:::\nweb:x:33:34:www,:/:\nnobody:x:65534:65534::/:\n'

t.test('a user of /etc/passwd', async (t) => {
  const { ports, asked } = await setUp(PASSWD)
  t.strictSame(await lookUpUser('web', ports), { name: 'web', uid: 33, gid: 34 })
  t.strictSame(await lookUpUser('root', ports), { name: 'root', uid: 0, gid: 0 })
  t.strictSame(asked, [])
})

t.test('a user of a directory service', async (t) => {
  for (const passwd of [PASSWD, undefined, '']) {
    const { ports, asked } = await setUp(passwd, { ldap: ['70001', '70002'] })
    t.strictSame(await lookUpUser('ldap', ports), { name: 'ldap', uid: 70_001, gid: 70_002 })
    t.strictSame(asked, [
      ['id', '-u', '--', 'ldap'],
      ['id', '-g', '--', 'ldap']
    ])
  }
})

t.test('no user', async (t) => {
  const { ports, asked } = await setUp(`${PASSWD}broken:x:-1:5\nhuge:x:4294967295:5\n`, { odd: ['', 'x'] })
  for (const name of ['none', 'broken', 'huge', 'odd']) t.equal(await lookUpUser(name, ports), undefined, name)
  asked.length = 0
  for (const name of ['', '-n', 'a:b', 'a b', '0', '.*']) t.equal(await lookUpUser(name, ports), undefined, name)
  t.strictSame(asked, [], 'what is no name is not asked for')
})

t.test('whom scripts run as', async (t) => {
  const { ports } = await setUp(PASSWD)
  t.match(await scriptUser('web', ports), { name: 'web' })
  t.equal(await scriptUser('none', ports), undefined, 'one that is configured is not replaced by another')
  t.match(await scriptUser(null, ports), { name: 'nobody' })
  const keepalived = await setUp(`${PASSWD}keepalived_script:x:5:6:::\n`)
  t.match(await scriptUser(null, keepalived.ports), { name: 'keepalived_script', uid: 5, gid: 6 })
  const empty = await setUp('')
  t.equal(await scriptUser(null, empty.ports), undefined)
})

t.test('this host has a root and a nobody', async (t) => {
  t.match(await lookUpUser('root'), { uid: 0 })
  t.match(await lookUpUser('nobody'), { name: 'nobody' })
  t.equal(await lookUpUser('no-such-user-here'), undefined)
})

t.test('only root runs programs as somebody else', async (t) => {
  const user = { name: 'web', uid: 33, gid: 34 }
  t.strictSame(credentialsOf(user, true), { uid: 33, gid: 34 })
  t.strictSame(credentialsOf(user, false), {})
  t.equal(canChangeUser(), process.getuid?.() === 0)
  t.strictSame(credentialsOf(user), canChangeUser() ? { uid: 33, gid: 34 } : {})
})

import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { keyProblem, readKey } from '../../../src/os/keys.js'
import { runs } from '../../runs.js'

const HEX = '000102030405060708090a0b0c0d0e0f'
const SECRET = Uint8Array.from({ length: 16 }, (_, i) => i)

function folderOf(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'vipd-keys-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

function write(path: string, text: string, mode = 0o600): string {
  writeFileSync(path, text)
  chmodSync(path, mode)
  return path
}

t.test('a key is hexadecimal; spaces and line ends do not count', async (t) => {
  const folder = folderOf(t)
  for (const [name, text] of [
    ['plain', HEX],
    ['newline', `${HEX}\n`],
    ['upper', ` ${HEX.toUpperCase()} \r\n`],
    ['wrapped', `${HEX.slice(0, 10)}\n${HEX.slice(10)}\n`]
  ] as const) {
    const file = write(join(folder, name), text)
    t.strictSame(await readKey({ file }, {}), { ok: true, secret: SECRET }, name)
    t.equal(await keyProblem(file), undefined, name)
  }
})

t.test("the configuration's own shape is taken: what is not used is null", async (t) => {
  const file = write(join(folderOf(t), 'key'), HEX, 0o400)
  t.match(await readKey({ file, credential: null }, {}), { ok: true })
  t.match(await readKey({ file: null, credential: null }, {}), { ok: false, why: /neither/ })
})

t.test('it is read anew each time', async (t) => {
  const file = write(join(folderOf(t), 'key'), HEX)
  await readKey({ file }, {})
  write(file, 'ff'.repeat(64))
  t.strictSame(await readKey({ file }, {}), { ok: true, secret: new Uint8Array(64).fill(0xff) })
})

t.test('what is wrong is said in a sentence that has nothing of the key', async (t) => {
  const folder = folderOf(t)
  mkdirSync(join(folder, 'folder'), { mode: 0o700 })
  spawnSync('mkfifo', ['-m', '600', join(folder, 'pipe')])
  const cases: readonly (readonly [string, RegExp])[] = [
    [join(folder, 'none'), /no such file.*openssl rand -hex 32/],
    [join(folder, 'folder'), /not a regular file/],
    [join(folder, 'pipe'), /not a regular file/],
    ['/dev/null', /not a regular file/],
    [join(folder, 'none', 'x'), /no such file/],
    [write(join(folder, 'file'), HEX), /^$/],
    [join(folder, 'file', 'x'), /ENOTDIR/],
    [write(join(folder, 'empty'), ' \n'), /empty/],
    [write(join(folder, 'words'), 'zebra stripes'), /hexadecimal digits/],
    [write(join(folder, 'prefix'), `0x${HEX}`), /hexadecimal digits/],
    [write(join(folder, 'odd'), `${HEX}a`), /odd number/],
    [write(join(folder, 'short'), HEX.slice(2)), /holds 15 bytes/],
    [write(join(folder, 'long'), 'ab'.repeat(65)), /holds 65 bytes/],
    [write(join(folder, 'huge'), `${HEX}${' '.repeat(4096)}`), /longer than 4 KiB/],
    [write(join(folder, 'group'), HEX, 0o640), /mode 0640.*chmod 600/],
    [write(join(folder, 'world'), HEX, 0o604), /mode 0604/],
    [write(join(folder, 'written'), HEX, 0o620), /mode 0620/],
    [write(join(folder, 'run'), HEX, 0o601), /mode 0601/]
  ]
  for (const [path, what] of cases) {
    const why = (await keyProblem(path)) ?? ''
    t.match(why, what, path)
    if (why === '') continue
    t.strictSame(await readKey({ file: path }, {}), { ok: false, why })
    t.match(why, path, 'it names the file')
    for (const secret of [HEX.slice(0, 8), 'zebra', 'abab']) t.notMatch(why, secret)
  }
})

t.test('a symbolic link leads to the key', async (t) => {
  const folder = folderOf(t)
  symlinkSync(write(join(folder, 'key'), HEX), join(folder, 'link'))
  t.match(await readKey({ file: join(folder, 'link') }, {}), { ok: true })
})

t.test('a credential is read where systemd puts it; its mode is systemd’s', async (t) => {
  const folder = folderOf(t)
  write(join(folder, 'vrrp'), HEX, 0o440)
  const there = { CREDENTIALS_DIRECTORY: folder }
  t.strictSame(await readKey({ credential: 'vrrp' }, there), { ok: true, secret: SECRET })
  t.match(await readKey({ credential: 'other' }, there), { ok: false, why: /no such file/ })
  for (const environment of [{}, { CREDENTIALS_DIRECTORY: '' }])
    t.match(await readKey({ credential: 'vrrp' }, environment), { ok: false, why: /LoadCredential=vrrp:PATH/ })
})

t.test('any bytes in the file: a key or a sentence', async (t) => {
  const file = join(folderOf(t), 'key')
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (data) => {
      writeFileSync(file, data, { mode: 0o600 })
      const read = await readKey({ file }, {})
      return read.ok ? read.secret.length >= 16 : read.why.length > 20
    }),
    runs(100)
  )
})

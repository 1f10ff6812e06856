import { chmod, chown, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { programProblem } from '../../../src/os/safe-program.js'

const folder = await mkdtemp(join(tmpdir(), 'vipd-safe-'))
t.teardown(() => rm(folder, { recursive: true }))
const isRoot = process.getuid?.() === 0

/** A program in a folder of its own. */
async function program(name: string, mode = 0o755, folderMode = 0o755): Promise<string> {
  const home = join(folder, name)
  await mkdir(home)
  const file = join(home, 'check')
  await writeFile(file, '#!/bin/sh\n')
  await chmod(file, mode)
  await chmod(home, folderMode)
  return file
}

t.test('a program that nobody else can change may run', async (t) => {
  t.equal(await programProblem(await program('good')), undefined)
  t.equal(await programProblem('/bin/sh'), undefined, 'through symbolic links')
  t.equal(await programProblem(`${folder}/good/../good/./check`), undefined)
})

t.test('a name alone is looked for where it would be run from', async (t) => {
  t.equal(await programProblem('sh'), undefined)
  t.match(await programProblem('no-such-program'), /^there is no program no-such-program in .*: install it/)
})

t.test('what may not run, and the mend', async (t) => {
  const file = await program('groups', 0o775)
  t.equal(await programProblem(file), `${file} may be written to by others than its owner: chmod go-w ${file}`)
  t.match(await programProblem(await program('others', 0o757)), /chmod go-w/)
  const plain = await program('plain', 0o644)
  t.equal(await programProblem(plain), `${plain} is not executable: chmod +x ${plain}`)
  t.equal(await programProblem(join(folder, 'none')), `${folder}/none does not exist`)
  t.equal(await programProblem(folder), `${folder} is not a file`)
  t.equal(await programProblem('/'), '/ is not a file')
  t.equal(await programProblem(`${plain}/x`), `${plain} is not a folder`)
  t.equal(await programProblem('bin/check'), 'bin/check is not an absolute path: write it from / on')
  t.match(await programProblem('/a\0b'), /cannot be looked at: ERR_INVALID_ARG_VALUE/)
})

t.test('a folder that everybody may write to', async (t) => {
  const file = await program('open', 0o755, 0o777)
  t.match(await programProblem(file), new RegExp(`^${folder}/open is a folder .*: chmod o-w ${folder}/open$`))
  await chmod(join(folder, 'open'), 0o1777)
  t.equal(await programProblem(file), undefined, 'the sticky bit keeps what is in it')
  const grouped = await program('grouped', 0o755, 0o775)
  t.equal(await programProblem(grouped), undefined, "a group's folder is its own business")
})

t.test('a symbolic link', async (t) => {
  const bad = await program('target', 0o777)
  const link = join(folder, 'link')
  await symlink('target/check', link)
  t.equal(await programProblem(link), `${bad} may be written to by others than its owner: chmod go-w ${bad}`)
  await chmod(bad, 0o755)
  t.equal(await programProblem(link), undefined)

  // link in a safe folder -> link in an open folder -> program in a safe folder
  await mkdir(join(folder, 'middle'))
  await symlink(bad, join(folder, 'middle/link'))
  await symlink('middle/link', join(folder, 'first'))
  t.equal(await programProblem(join(folder, 'first')), undefined)
  await chmod(join(folder, 'middle'), 0o777)
  t.match(await programProblem(join(folder, 'first')), /middle is a folder that everybody may write to/)

  await symlink('gone', join(folder, 'dangling'))
  t.match(await programProblem(join(folder, 'dangling')), /does not exist$/)
  await symlink('circle', join(folder, 'circle'))
  t.match(await programProblem(join(folder, 'circle')), /is a circle of symbolic links$/)
})

t.test(
  'what runs as root is root’s all along its path',
  { skip: !isRoot && 'only root has files of others' },
  async (t) => {
    const file = await program('owned')
    await chown(file, 65_534, 65_534)
    t.equal(await programProblem(file), undefined, 'unless it is known to run as root')
    t.equal(await programProblem(file, 65_534), undefined)
    t.match(await programProblem(file, 0), /check belongs to user 65534, .*: chown root /)
    await chown(file, 0, 0)
    t.equal(await programProblem(file, 0), undefined)
    await chown(join(folder, 'owned'), 65_534, 65_534)
    t.match(await programProblem(file, 0), /owned belongs to user 65534/)
  }
)

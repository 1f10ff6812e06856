import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { runImport } from '../../../src/cli/importing.js'

const GOOD = 'listen a\n bind :1\n timeout connect 1s\n server x 10.0.0.1:1 check\n'

/** Runs the command in an empty folder, without its output. */
async function run(files: Record<string, string>, options: { haproxy?: string; output?: string; force?: boolean }) {
  const folder = mkdtempSync(join(tmpdir(), 'vipd-import-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  const inside = (name: string | undefined): string | undefined => (name === undefined ? undefined : join(folder, name))
  const said: string[] = []
  const write = process.stderr.write
  process.stderr.write = (text: string | Uint8Array): boolean => said.push(String(text)) > 0
  try {
    const given = { haproxy: inside(options.haproxy), output: inside(options.output) }
    const code = await runImport({ keepalived: undefined, force: options.force ?? false, ...given })
    return { code, said: said.join(''), folder }
  } finally {
    process.stderr.write = write
  }
}

t.test('without a file it is wrong usage', async (t) => {
  t.equal((await run({}, {})).code, 2)
})

t.test('a file that cannot be read is a failure', async (t) => {
  const { code, said } = await run({}, { haproxy: 'none.cfg' })
  t.equal(code, 1)
  t.match(said, /there is no such file/)
})

t.test('an include is a failure, and nothing is written', async (t) => {
  const { code, folder } = await run({ a: `include x\n${GOOD}` }, { haproxy: 'a', output: 'o' })
  t.equal(code, 1)
  t.throws(() => statSync(join(folder, 'o')))
})

t.test('what is not understood is exit 2, and nothing is written', async (t) => {
  const { code, folder } = await run({ a: GOOD.replace('check', 'check inter 5x') }, { haproxy: 'a', output: 'o' })
  t.equal(code, 2)
  t.throws(() => statSync(join(folder, 'o')))
})

t.test('a file that exists is not overwritten without --force', async (t) => {
  const first = await run({ a: GOOD, o: 'mine' }, { haproxy: 'a', output: 'o' })
  t.equal(first.code, 1)
  t.equal(readFileSync(join(first.folder, 'o'), 'utf8'), 'mine')
  const second = await run({ a: GOOD, o: 'mine' }, { haproxy: 'a', output: 'o', force: true })
  t.equal(second.code, 0)
  t.match(readFileSync(join(second.folder, 'o'), 'utf8'), /name: a/)
})

t.test('what is written is not for everybody to read', async (t) => {
  const { code, folder } = await run({ a: GOOD }, { haproxy: 'a', output: 'o' })
  t.equal(code, 0)
  t.equal(statSync(join(folder, 'o')).mode & 0o007, 0)
})

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { decodeRaw } from '../../bench/report/compare.js'
import { Child } from '../lab/child.js'
import { whyNoLab } from '../lab/packages.js'

/** `npm run bench` as a whole, as short as it can be. */

const program = fileURLToPath(new URL('../../bench/main.js', import.meta.url))
const skip = whyNoLab(['haproxy', 'g++', 'libssl-dev', 'strace']) ?? false

t.setTimeout(120_000)

function bench(t: Test, words: readonly string[]) {
  const out = mkdtempSync(join(tmpdir(), 'bench-report-'))
  t.teardown(() => rmSync(out, { recursive: true, force: true }))
  const child = new Child([process.execPath, program, '--quick', '--out', out, ...words])
  t.teardown(() => child.stop('SIGKILL'))
  const raw = () => {
    const read = decodeRaw(readFileSync(join(out, 'report.json'), 'utf8'))
    if (!read.ok) throw new Error(read.problem)
    return read.raw
  }
  /** What it made and has not removed. */
  const left = (): string[] => {
    const own = `vipd-${child.pid}-`
    const namespaces = existsSync('/run/netns') ? readdirSync('/run/netns') : []
    return [...namespaces, ...readdirSync(tmpdir())].filter((name) => name.startsWith(own))
  }
  return { child, out, raw, left }
}

t.test('it measures vipd and haproxy, writes its report, and leaves nothing behind', { skip }, async (t) => {
  const { child, out, raw, left } = bench(t, ['--only', 'counts-request', '--rounds', '1', '--seconds', '0.2'])
  t.match(await child.exited, { code: 0 }, child.tail())
  const [scenario] = raw().scenarios
  for (const target of ['vipd', 'haproxy'])
    t.match(
      scenario?.cells.find((cell) => cell.target === target),
      { ok: true, figures: { packets: Number } },
      target
    )
  t.match(readFileSync(join(out, 'report.md'), 'utf8'), /NOT FOR QUOTING/)
  t.strictSame(left(), [])
})

t.test('interrupted, it says so in its report and leaves nothing behind either', { skip }, async (t) => {
  const { child, raw, left } = bench(t, ['--only', 'requests-64-100', '--rounds', '50', '--seconds', '0.2'])
  await child.line(/requests-64-100 1\/50 vipd/, 60_000)
  child.signal('SIGINT')
  t.match(await child.exited, { code: 130 }, child.tail())
  t.match(raw(), { isInterrupted: true, scenarios: [{ problem: /interrupted/ }] })
  t.ok((raw().scenarios[0]?.cells.length ?? 0) >= 1, 'what was measured is kept')
  t.strictSame(left(), [])
})

// The properties of the unit tests (fast-check) for a long time instead of some hundred runs: a decoder's and an importer's fuzzer.
//   npm run test:fuzz:js -- SECONDS [PART-OF-A-FILE-NAME...]
// SECONDS are those of each property, one after the other. What is found is shrunk, printed, and belongs into the test as an example.
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const [seconds, ...names] = process.argv.slice(2)
if (!(Number(seconds) > 0)) {
  console.error('usage: npm run test:fuzz:js -- SECONDS [PART-OF-A-FILE-NAME...]')
  process.exit(2)
}
const isFuzzer = (file) => file.endsWith('.test.ts') && /\bruns\(/.test(readFileSync(file, 'utf8'))
const files = readdirSync('test/unit', { recursive: true })
  .map((file) => join('test/unit', file))
  .filter((file) => isFuzzer(file) && (names.length === 0 || names.some((name) => file.includes(name))))
let failed = 0
for (const file of files.sort()) {
  const began = Date.now()
  const env = { ...process.env, VIPD_FUZZ_SECONDS: seconds, TAP_TIMEOUT: '0' }
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--enable-source-maps', `dist/${file.replace(/\.ts$/, '.js')}`],
    {
      env,
      encoding: 'utf8',
      maxBuffer: 256 << 20
    }
  )
  console.log(`${status === 0 ? 'ok    ' : 'FAILED'} ${file} (${Math.round((Date.now() - began) / 1000)} s)`)
  if (status !== 0) {
    failed++
    console.log(`${stdout}\n${stderr}`)
  }
}
process.exitCode = failed === 0 ? 0 : 1

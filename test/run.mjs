// `npm test`: builds, lints, runs tap over the folders named (all of them unless given), and ends with `N passed, N failed`.
//   node test/run.mjs [unit] [golden] [native] [netns] [parity] [--no-build] [--without=PART-OF-A-FILE-NAME]
// A file that failed is run once more, alone; what passes only then is named UNSTABLE.
// A test is a leaf subtest. With CI=true a skipped test is a failure.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { TapReader } from './tap-reader.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const all = ['unit', 'golden', 'native', 'netns', 'parity']
/** They make network namespaces, and so need root. */
const ofRoot = ['netns', 'parity']
const words = process.argv.slice(2)
const WITHOUT = '--without='
const without = words.flatMap((word) => (word.startsWith(WITHOUT) ? [word.slice(WITHOUT.length)] : []))
const isOption = (word) => word === '--no-build' || word.startsWith(WITHOUT)
const unknown = words.filter((word) => !isOption(word) && !all.includes(word))
const named = words.filter((word) => all.includes(word))
const folders = named.length === 0 ? all : all.filter((folder) => named.includes(folder))
const isCi = process.env.CI === 'true'
const bin = (name) => join(root, 'node_modules', '.bin', name)

/** More failed files than this are no accident, and are not run again. */
const MOST_AGAIN = 3
let wasInterrupted = false

process.chdir(root)
if (unknown.length > 0) {
  console.error(
    `unknown: ${unknown.join(' ')}. Usage: node test/run.mjs [${all.join('] [')}] [--no-build] [${WITHOUT}PART-OF-A-FILE-NAME]`
  )
  process.exit(2)
}
process.exitCode = await main()

async function main() {
  const isRoot = process.getuid?.() === 0
  const wanted = ofRoot.filter((folder) => folders.includes(folder))
  const noRoot = wanted.length > 0 && !isRoot
  if (noRoot) console.log(`${wanted.join(' and ')} tests need root and are SKIPPED: sudo npm test`)
  if (!words.includes('--no-build') && !step('build', 'npm', ['run', '-s', 'build'])) return verdict(0, 1)
  let failed = 0
  if (named.length === 0 && !step('lint', bin('biome'), ['check', '--error-on-warnings'])) failed += 1

  const total = { passed: 0, failed, skipped: 0 }
  const light = folders.filter((folder) => !ofRoot.includes(folder))
  await runFolders(light, Math.min(2, availableParallelism()), 120, total)
  if (wanted.length > 0 && isRoot) {
    const { ensurePackages } = await import(new URL('../dist/test/lab/packages.js', import.meta.url).href)
    const peers = { netns: ['keepalived', 'tcpdump', 'tshark', 'g++', 'chromium', 'prometheus'], parity: ['haproxy'] }
    for (const folder of wanted) {
      const ensured = ensurePackages(['iproute2', 'openssl', 'nftables', ...peers[folder]])
      if (!ensured.ok) console.log(`${folder} tests: ${ensured.reason}`)
      // Namespaces wait far more than they work: two files at a time. Parity has its own side by side, and alone on two
      // cores takes two minutes; a busy machine is no failure.
      const isParity = folder === 'parity'
      await runFolders([folder], isParity ? 1 : Math.min(2, availableParallelism()), isParity ? 600 : 300, total)
    }
  }
  if (noRoot && isCi) {
    console.log(`CI=true: ${wanted.join(' and ')} tests that cannot run are a failure`)
    total.failed += 1
  }
  if (total.skipped > 0) console.log(`${total.skipped} skipped${isCi ? ': with CI=true that is a failure' : ''}`)
  if (isCi) total.failed += total.skipped
  return verdict(total.passed, total.failed)
}

function verdict(passed, failed) {
  console.log(`${passed} passed, ${failed} failed`)
  return failed === 0 && passed > 0 ? 0 : 1
}

/** Runs one step, quiet unless it fails. */
function step(name, command, args) {
  const started = Date.now()
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    encoding: 'utf8',
    maxBuffer: 64 << 20,
    stdio: ['ignore', 'pipe', 'pipe']
  })
  const isOk = status === 0
  console.log(`${isOk ? 'ok    ' : 'FAILED'} ${name} (${seconds(Date.now() - started)})`)
  if (!isOk) console.log(`${stdout ?? ''}${stderr ?? ''}${error === undefined ? '' : String(error)}`)
  return isOk
}

/** Test files whose source is still there: dist/ may hold more. */
function testFiles(folder) {
  const from = join('dist/test', folder)
  if (!existsSync(from)) return []
  const built = readdirSync(from, { recursive: true }).filter((file) => file.endsWith('.test.js'))
  const hasSource = (file) => existsSync(file.replace(/^dist\//, '').replace(/\.js$/, '.ts'))
  return built
    .sort()
    .map((file) => join(from, file))
    .filter((file) => hasSource(file) && !without.some((part) => file.includes(part)))
}

/**
 * Runs the folders' files. Of a few that failed each is run once more, alone: two files at a time on two cores is a busy machine, and
 * what peers and timers do there is not always the program's fault. What passes then is named UNSTABLE, and is to be mended all the same.
 */
async function runFolders(of, jobs, timeoutS, total) {
  for (const folder of of) if (testFiles(folder).length === 0) console.log(`no tests in test/${folder}`)
  const name = of.join('-')
  const first = await runTap(of.flatMap(testFiles), name, jobs, timeoutS)
  for (const key of Object.keys(total)) total[key] += first.total[key]
  if (first.failed.size === 0 || first.failed.size > MOST_AGAIN || wasInterrupted) return
  console.log(`once more, alone: ${[...first.failed.keys()].map(sourceName).join(' ')}`)
  const second = await runTap([...first.failed.keys()], `${name}-again`, 1, timeoutS)
  for (const [path, counts] of first.failed) {
    if (second.failed.has(path)) continue
    for (const key of Object.keys(total)) total[key] += (second.files.get(path)?.[key] ?? 0) - counts[key]
    console.log(`UNSTABLE ${sourceName(path)}: failed beside another file, passed alone`)
  }
}

/** @returns totals, and of each file that failed its own counts */
async function runTap(files, name, jobs, timeoutS) {
  const unheard = new Set(files)
  const seen = new Map()
  const failed = new Map()
  const reader = new TapReader((file) => {
    unheard.delete(file.path)
    const { passed, skipped } = file
    seen.set(file.path, { passed, failed: file.failed, skipped })
    if (file.failed > 0) failed.set(file.path, seen.get(file.path))
    const counts = [`${passed} passed`, file.failed > 0 && `${file.failed} FAILED`, skipped > 0 && `${skipped} skipped`]
    console.log(
      `${file.failed > 0 ? 'FAILED' : 'ok    '} ${file.name} (${counts.filter(Boolean).join(', ')}${file.tookMs ? `, ${seconds(file.tookMs)}` : ''})`
    )
    for (const failure of file.failures) console.log(failure)
    for (const skip of file.skips) console.log(`       skipped: ${skip}`)
  })
  if (files.length === 0) return { total: reader.total, files: seen, failed }
  const args = [
    'run',
    '--disable-coverage',
    '--reporter=tap',
    '--no-bail',
    `--jobs=${jobs}`,
    `--timeout=${timeoutS}`,
    ...files
  ]
  // In a group of its own, so that tap and every test hear of Ctrl-C once, from here.
  const tap = spawn(bin('tap'), args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  const forward = (signal) => {
    wasInterrupted = true
    process.kill(-tap.pid, signal)
  }
  process.on('SIGINT', forward).on('SIGTERM', forward)
  const said = []
  const errors = []
  createInterface({ input: tap.stdout }).on('line', (line) => {
    said.push(line)
    reader.take(line)
  })
  createInterface({ input: tap.stderr }).on('line', (line) => errors.push(line))
  const code = await new Promise((resolve) => {
    tap.on('error', () => resolve(127))
    tap.on('close', (status) => resolve(status ?? 1))
  })
  process.off('SIGINT', forward).off('SIGTERM', forward)
  reader.end()
  for (const file of unheard) {
    // tap loses a file that runs beside one that timed out.
    console.log(`FAILED ${file}: no result`)
    failed.set(file, { passed: 0, failed: 1, skipped: 0 })
    reader.total.failed += 1
  }
  mkdirSync('dist/test-output', { recursive: true })
  writeFileSync(`dist/test-output/${name}.tap`, `${said.join('\n')}\n`)
  if (reader.total.failed > 0) console.log(`all of it: dist/test-output/${name}.tap`)
  if (code !== 0 && reader.total.failed === 0) {
    console.log(`FAILED tap ended with ${code}\n${said.slice(-20).join('\n')}`)
    reader.total.failed += 1
  }
  if (code !== 0) console.log(errors.slice(-30).join('\n'))
  return { total: reader.total, files: seen, failed }
}

function sourceName(path) {
  return path.replace(/^dist\//, '').replace(/\.js$/, '.ts')
}

function seconds(ms) {
  return `${(ms / 1000).toFixed(1)} s`
}

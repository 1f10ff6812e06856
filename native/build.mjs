// Builds the addon into prebuilds/, unless it is newer than its sources. Run by `npm run build:native`.
import { execFileSync, spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, statSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const here = fileURLToPath(new URL('.', import.meta.url))
const folder = path.join(here, 'prebuilds', `linux-${process.arch}`)
const binary = path.join(folder, 'vipd_native.glibc.node')

function upToDate() {
  if (!existsSync(binary)) return false
  const built = statSync(binary).mtimeMs
  const sources = readdirSync(path.join(here, 'src')).map((name) => path.join(here, 'src', name))
  return [...sources, path.join(here, 'binding.gyp')].every((file) => statSync(file).mtimeMs < built)
}

function fail(why) {
  console.error(`vipd: cannot build the native addon: ${why}`)
  process.exit(1)
}

function build() {
  const missing = ['g++', 'make', 'python3'].filter((tool) => spawnSync(tool, ['--version']).status !== 0)
  if (missing.length > 0) fail(`${missing.join(', ')} not found. apt-get install g++ make python3`)
  const args = ['configure', 'build', '--silent', '-j', 'max']
  const prefix = path.resolve(process.execPath, '../..')
  // The headers beside this Node: nothing is downloaded.
  if (existsSync(path.join(prefix, 'include/node/node_api.h'))) args.push(`--nodedir=${prefix}`)
  const done = spawnSync('node-gyp', args, { cwd: here, encoding: 'utf8', maxBuffer: 1 << 26 })
  if (done.error) fail('node-gyp not found; run it as `npm run build:native`')
  if (done.status !== 0) {
    process.stderr.write(done.stdout + done.stderr)
    fail('the compiler refused')
  }
  mkdirSync(folder, { recursive: true })
  // A running process may have the old file mapped: never write into it.
  const fresh = `${binary}.${process.pid}`
  copyFileSync(path.join(here, 'build/Release/vipd_native.node'), fresh)
  execFileSync('strip', ['--strip-unneeded', fresh])
  renameSync(fresh, binary)
}

if (!upToDate()) build()

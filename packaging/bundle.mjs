// One file for each thing that vipd does, in place of hundreds: a start loads them in a third of the time, and a daemon
// that died is back sooner. Only of packages: from a checkout vipd runs as it was compiled, and stacks name its own files.
import { cpSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'

/** They have a part in C that they find by their own folders. */
const NATIVE = ['netlink', 'raw-socket', 'node-gyp-build']

/** `import` of these asks for every export at once, and one of them is all of fetch: a seventh of a start. `require` does not. */
const lazyBuiltins = {
  name: 'lazy-builtins',
  setup(on) {
    on.onResolve({ filter: /^(node:)?https?$/ }, ({ path }) => ({ path: path.replace('node:', ''), namespace: 'builtin' }))
    on.onLoad({ filter: /./, namespace: 'builtin' }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule('node:${path}')`
    }))
  }
}

/**
 * Puts the program at `lib`/dist/src together, and removes what is in it now. Paths from a file to the folders beside dist/ stay as
 * they are: every chunk is where main.js is.
 */
export async function bundle(lib) {
  const from = join(lib, 'dist/src')
  const whole = join(lib, 'dist/whole')
  await build({
    entryPoints: [join(from, 'cli/main.js')],
    outdir: join(whole, 'cli'),
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    external: [...NATIVE, 'netlink/*'],
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    plugins: [lazyBuiltins],
    logLevel: 'error',
    // Of packages that are CommonJS.
    banner: { js: "import{createRequire as __requireOf}from'node:module';const require=__requireOf(import.meta.url);" }
  })
  mkdirSync(join(whole, 'admin'))
  cpSync(join(from, 'admin/page'), join(whole, 'admin/page'), { recursive: true })
  rmSync(from, { recursive: true })
  cpSync(whole, from, { recursive: true })
  rmSync(whole, { recursive: true })
}

/** Packages that are in the bundle need not lie beside it. */
export function dropBundled(lib) {
  const modules = join(lib, 'node_modules')
  for (const name of readdirSync(modules)) if (!NATIVE.includes(name)) rmSync(join(modules, name), { recursive: true })
}

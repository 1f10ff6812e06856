import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The native programs of the benchmarks (`bench/native`): compiled when they are older than their sources. */

const sources = fileURLToPath(new URL('../../bench/native/', import.meta.url))
const built = fileURLToPath(new URL('./native/', import.meta.url))
const units = { load: ['load.cc', 'client.cc'], serve: ['serve.cc'], tick: ['tick.cc'] } as const

/** @returns where the program is */
export function program(name: keyof typeof units): string {
  const path = join(built, name)
  const newest = Math.max(...readdirSync(sources).map((file) => statSync(join(sources, file)).mtimeMs))
  if (existsSync(path) && statSync(path).mtimeMs > newest) return path
  mkdirSync(built, { recursive: true })
  const files = units[name].map((file) => join(sources, file))
  const flags = ['-std=c++20', '-O2', '-Wall', '-Wextra', '-Werror']
  const made = `${path}.${process.pid}`
  execFileSync('g++', [...flags, '-o', made, ...files, '-lssl', '-lcrypto', '-lpthread'], { timeout: 120_000 })
  renameSync(made, path)
  return path
}

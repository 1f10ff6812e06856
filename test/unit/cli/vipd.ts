import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { AdminServer } from '../../../src/admin/server.js'
import type { Control } from '../../../src/admin/status.js'
import { fakeControl } from '../../fakes/control.js'

const main = fileURLToPath(new URL('../../../src/cli/main.js', import.meta.url))

/** Runs the program; never longer than ten seconds. */
export function vipd(...words: string[]): Promise<{ code: number | null; out: string; err: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [main, ...words], { timeout: 10_000, stdio: ['ignore', 'pipe', 'pipe'] })
    let out = ''
    let err = ''
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString()
    })
    child.stderr.on('data', (chunk: Buffer) => {
      err += chunk.toString()
    })
    child.on('close', (code) => resolve({ code, out, err }))
  })
}

/** A daemon behind a socket, whose path is returned. */
export async function serve(t: Test, overrides: Partial<Control>): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'vipd-'))
  const server = new AdminServer(fakeControl(overrides), () => undefined)
  t.teardown(async () => {
    await server.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const socket = join(folder, 'vipd.sock')
  await server.listenUnix(socket)
  return socket
}

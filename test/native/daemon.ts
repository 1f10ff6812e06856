import { execFile, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { portOf, until } from './bench.js'

/** The whole daemon, proxy alone. */

const VIPD = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))

/** As systemd does: opens a listening socket, hands it over as descriptor 3 under a name, and becomes the program. */
const ACTIVATE = `
import os, socket, sys
handed = socket.socket()
handed.bind(('127.0.0.1', int(sys.argv[1])))
handed.listen()
os.dup2(handed.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1', LISTEN_FDNAMES='api')
os.execv(sys.argv[2], sys.argv[2:])
`

/** A daemon that ends with the test. @param activated the port of a socket that it is handed over as fd@api */
export async function daemon(t: Test, yaml: string, activated?: number) {
  const folder = mkdtempSync(path.join(tmpdir(), 'vipd-reload-'))
  const file = path.join(folder, 'vipd.yaml')
  const socket = path.join(folder, 'vipd.sock')
  const write = (proxy: string): void =>
    writeFileSync(file, `admin: { socket: ${socket} }\nnbthread: 2\nproxy:\n${proxy}`)
  write(yaml)
  const argv = [process.execPath, VIPD, 'run', '-c', file]
  const [program = '', ...args] =
    activated === undefined ? argv : ['python3', '-c', ACTIVATE, String(activated), ...argv]
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'] })
  t.teardown(async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
    // The last one of those that have taken over.
    if (pid !== undefined && pid !== child.pid) process.kill(pid, 'SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  })
  const vipd = (...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [VIPD, ...args, '--socket', socket], {
      encoding: 'utf8',
      timeout: 30_000
    })
    return { code: status, out: stdout, err: stderr }
  }
  let pid: number | undefined
  /** Hands over to a fresh process, while this one goes on visiting. */
  const upgrade = async (): Promise<string> => {
    const argv = [VIPD, 'upgrade', '--socket', socket]
    const told = await new Promise<string>((resolve) => {
      execFile(process.execPath, argv, { timeout: 30_000 }, (_, out, err) => resolve(out + err))
    })
    pid = JSON.parse(vipd('status', '--json').out).pid
    return told
  }
  const status = (): { proxy: { servers: { status: string }[]; sessions: { total: number } }[] } =>
    JSON.parse(vipd('status', '--json').out)
  await until('the daemon listens and its servers are UP', () => {
    const { code, out } = vipd('status', '--json')
    return code === 0 && out.includes('"listening": true') && !out.includes('"DOWN"')
  })
  return { vipd, write, status, upgrade }
}

export const service = (
  name: string,
  bind: string,
  servers: readonly (readonly [string, net.Server])[],
  more = ''
): string => {
  const list = servers.map(([who, server]) => `{ name: ${who}, address: "127.0.0.1:${portOf(server)}" }`)
  return `  - { name: ${name}, bind: [ "${bind}" ], ${more}servers: [ ${list.join(', ')} ] }\n`
}

import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { atExit } from '../lab/cleanup.js'
import { seedInstance } from '../lab/config.js'
import { type Lab, type LabNode, vip, vipPort } from '../lab/lab.js'
import { Vipd, vipdProgram } from '../lab/vipd.js'
import { pause } from '../lab/wait.js'
import { type Subject, signalAll } from './subject.js'

export const ECHO_PORT = 7000

/** What vipd keeps on its disk has room in this; a full disk is this one. */
const DISK = '2m'

const configOf = (lab: Lab, socket: string, priority: number): string =>
  JSON.stringify({
    admin: { socket },
    vrrp: [seedInstance({ priority })],
    proxy: [
      {
        name: 'service',
        bind: [`${vip}:${vipPort}`],
        redispatch: true,
        timeout: { connect: '1s' },
        default_server: { check: { type: 'tcp', inter: 300, rise: 1, fall: 2 } },
        servers: lab.masters.map((one) => ({ name: one.name, address: `${one.address}:${ECHO_PORT}` }))
      }
    ]
  })

/** vipd on a master. A daemon that took over by `vipd upgrade` is nobody's child here: its pid is what status says. */
export class VipdSubject implements Subject {
  readonly node: LabNode
  readonly vipd: Vipd
  readonly state: string
  readonly #clock: string
  readonly #forget: () => void
  readonly #lab: Lab
  readonly #pids = new Set<number>()

  constructor(lab: Lab, node: LabNode, priority: number) {
    this.#lab = lab
    this.node = node
    this.state = join(lab.folder, `state-${node.name}`)
    mkdirSync(this.state)
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK}`, 'tmpfs', this.state], { timeout: 5000 })
    this.#forget = atExit(() => unmount(this.state))
    this.#clock = join(lab.folder, `clock-${node.name}`)
    this.stepClock(0)
    const env = { LD_PRELOAD: steppedClock(lab), VIPD_CLOCK_FILE: this.#clock }
    const socket = join(this.state, 'vipd.sock')
    this.vipd = new Vipd(lab, node, configOf(lab, socket, priority), env, { socket })
  }

  stepClock(seconds: number): void {
    const offset = Buffer.alloc(8)
    offset.writeBigInt64LE(BigInt(seconds))
    // In place: the program has this file mapped.
    writeFileSync(this.#clock, offset, { flag: existsSync(this.#clock) ? 'r+' : 'w' })
  }

  async start(): Promise<void> {
    let why: unknown
    for (let i = 0; i < 20; i++) {
      if (await this.#learn()) return
      // One that is starting, or hangs, is waited for: two at once would be another fault than the one that is tried.
      if (this.pids().length === 0)
        await this.vipd.start(20_000).catch((error: unknown) => {
          why = error
        })
      else await pause(500)
    }
    throw new Error(`vipd on ${this.node.name} does not come back`, { cause: why })
  }

  pids(): number[] {
    for (const pid of this.#pids) if (!isAlive(pid)) this.#pids.delete(pid)
    return [...this.#pids]
  }

  async reload(): Promise<void> {
    signalAll(this.pids(), 'SIGHUP')
  }

  readonly upgrade = async (): Promise<void> => {
    const argv = [process.execPath, vipdProgram, 'upgrade', '--socket', this.vipd.socket]
    await this.#lab.run(this.node, argv, 30_000).catch(() => '')
    await this.#learn()
  }

  async sessions(): Promise<number> {
    const { proxy } = await this.vipd.status()
    return proxy[0]?.sessions.current ?? 0
  }

  async stop(): Promise<void> {
    signalAll(this.pids(), 'SIGCONT')
    await this.vipd.stop()
    signalAll(this.pids(), 'SIGKILL')
    unmount(this.state)
    this.#forget()
  }

  async #learn(): Promise<boolean> {
    const status = await this.vipd.status(1000).catch(() => undefined)
    if (status !== undefined) this.#pids.add(status.pid)
    return status !== undefined
  }
}

/** A zombie is not: one that took over by an upgrade is a child of this process, which never waits for it. */
function isAlive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

function unmount(path: string): void {
  execFileSync('umount', ['-l', path], { timeout: 5000 })
}

/** A library that, preloaded, lets a program's wall clock be stepped. */
function steppedClock(lab: Lab): string {
  const library = join(lab.folder, 'step-clock.so')
  const source = fileURLToPath(new URL('../../../test/lab/step-clock.c', import.meta.url))
  const argv = ['-x', 'c', '-O1', '-shared', '-fPIC', '-o', library, source, '-ldl']
  if (!existsSync(library)) execFileSync('g++', argv, { timeout: 30_000 })
  return library
}

import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { atExit } from '../lab/cleanup.js'
import { Changes, nowMs } from '../lab/wait.js'
import type { Behaviour, Command, ConnectOptions, Ending, Target, Told, Visit, VisitOptions } from './protocol.js'

const program = fileURLToPath(new URL('./actor.js', import.meta.url))
/** Node.js as it is: tap would have every one below it load tap's modules first, and puts that into each environment. */
export const PLAIN_NODE = ['env', '-u', 'NODE_OPTIONS', process.execPath]
const ANSWER_MS = 60_000
/** What any one event is waited for, where no scenario says otherwise. */
export const PATIENCE_MS = 15_000

/** A connection in an actor's namespace, as the judge sees it. */
export class Peer {
  readonly id: string
  /** Of a server's connection: who it came from. */
  readonly remote: string
  readonly openedAt: number
  /** ADDRESS:PORT of this end, once it is connected. */
  local = ''
  text = ''
  bytes = 0
  /** When something was heard, the latest 1,000 times. */
  readonly heardTimes: number[] = []
  endings: { readonly ending: Ending; readonly at: number; readonly sha256: string }[] = []
  connectedAt = 0
  readonly #actor: Actor

  constructor(actor: Actor, id: string, remote: string) {
    this.#actor = actor
    this.id = id
    this.remote = remote
    this.openedAt = nowMs()
  }

  /** When a byte was last heard. */
  get heardAt(): number {
    return this.heardTimes.at(-1) ?? 0
  }

  get port(): number {
    return Number(this.local.split(':').at(-1))
  }

  say(text: string, everyMs?: number): Promise<unknown> {
    return this.#actor.ask({ do: 'say', id: this.id, text, ...(everyMs !== undefined && { everyMs }) })
  }

  /** Its FIN. */
  end(): Promise<unknown> {
    return this.#actor.ask({ do: 'end', id: this.id })
  }

  reset(): Promise<unknown> {
    return this.#actor.ask({ do: 'reset', id: this.id })
  }

  pause(): Promise<unknown> {
    return this.#actor.ask({ do: 'pause', id: this.id })
  }

  resume(): Promise<unknown> {
    return this.#actor.ask({ do: 'resume', id: this.id })
  }

  sip(everyMs: number): Promise<unknown> {
    return this.#actor.ask({ do: 'sip', id: this.id, everyMs })
  }

  /** @returns the SHA-256 of what was said */
  async pump(bytes: number): Promise<string> {
    return String(await this.#actor.ask({ do: 'pump', id: this.id, bytes }))
  }

  /** Waits until it has heard this. */
  async heard(text: string, deadlineMs = PATIENCE_MS): Promise<this> {
    await this.#actor.until(() => this.text.includes(text), deadlineMs, `${this.id} hearing ${JSON.stringify(text)}`)
    return this
  }

  /** Waits for its end: FIN or RST from the other side. */
  async ended(deadlineMs = PATIENCE_MS): Promise<{ ending: Ending; at: number; sha256: string }> {
    const what = `the end of ${this.id} (it heard ${JSON.stringify(this.text.slice(0, 100))})`
    return this.#actor.until(() => this.endings[0], deadlineMs, what)
  }

  /** 'eof', 'reset' …, or 'open'. */
  get state(): string {
    return this.endings.length === 0 ? 'open' : this.endings.map((one) => one.ending).join(', ')
  }
}

/** What one scripted server has seen. */
export class Listener {
  readonly id: string
  readonly accepted: Peer[] = []
  readonly #actor: Actor
  readonly #where: { host: string; port: number }
  #how: Behaviour

  constructor(actor: Actor, id: string, host: string, port: number, how: Behaviour) {
    this.#actor = actor
    this.id = id
    this.#where = { host, port }
    this.#how = how
  }

  async open(): Promise<this> {
    await this.#actor.ask({ do: 'listen', id: this.id, ...this.#where, how: this.#how })
    return this
  }

  /** From now on connections are refused. Those that are there stay. */
  close(): Promise<unknown> {
    return this.#actor.ask({ do: 'unlisten', id: this.id })
  }

  async behave(how: Behaviour): Promise<void> {
    this.#how = { ...this.#how, ...how }
    await this.#actor.ask({ do: 'behave', id: this.id, how })
  }

  /** Its connection of this number (from 0), when it has come. */
  connection(index = 0, deadlineMs = PATIENCE_MS): Promise<Peer> {
    return this.#actor.until(() => this.accepted[index], deadlineMs, `connection ${index + 1} at ${this.id}`)
  }
}

interface Waiting {
  readonly resolve: (result: unknown) => void
  readonly reject: (error: Error) => void
  readonly forget: () => void
}

/** A process in a namespace that plays what the judge says. */
export class Actor {
  readonly name: string
  readonly datagrams: { readonly text: string; readonly at: number }[] = []
  readonly #process: ChildProcess
  readonly #changes = new Changes()
  readonly #answers = new Map<number, Waiting>()
  readonly #peers = new Map<string, Peer>()
  readonly #listeners = new Map<string, Listener>()
  readonly #forget: () => void
  readonly #exited: Promise<void>
  #requests = 0
  #isStopped = false
  #made = 0

  constructor(name: string, namespace: string) {
    this.name = name
    this.#process = spawn('ip', ['netns', 'exec', namespace, ...PLAIN_NODE, program], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc']
    })
    this.#forget = atExit(() => this.#process.kill('SIGKILL'))
    this.#process.on('message', (told: Told) => this.#hear(told))
    this.#exited = new Promise((resolve) => {
      this.#process.once('exit', () => {
        // What is still asked when the stage closes nobody waits for.
        for (const { reject, forget } of this.#answers.values())
          this.#isStopped ? forget() : reject(new Error(`the ${name} actor ended`))
        this.#answers.clear()
        resolve()
      })
    })
  }

  ask(command: Command): Promise<unknown> {
    this.#requests += 1
    const request = this.#requests
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#answers.delete(request)
        reject(new Error(`the ${this.name} actor did not do: ${command.do}`))
      }, ANSWER_MS)
      const end = (): void => clearTimeout(timer)
      this.#answers.set(request, {
        forget: end,
        resolve: (result) => {
          end()
          resolve(result)
        },
        reject: (error) => {
          end()
          reject(error)
        }
      })
      this.#process.send({ ...command, request }, (error) => {
        if (error) this.#answers.get(request)?.reject(error)
      })
    })
  }

  until<Found>(check: () => Found | undefined | false, deadlineMs: number, what: string): Promise<Found> {
    return this.#changes.until(check, deadlineMs, what)
  }

  async listen(id: string, host: string, port: number, how: Behaviour): Promise<Listener> {
    const listener = new Listener(this, id, host, port, how)
    this.#listeners.set(id, listener)
    return listener.open()
  }

  /** Begins to connect. What comes of it, the peer tells. */
  dial(options: ConnectOptions): Peer {
    this.#made += 1
    const one = new Peer(this, `c${this.#made}`, '')
    this.#peers.set(one.id, one)
    this.ask({ do: 'connect', id: one.id, options }).catch(() => undefined)
    return one
  }

  /** Connects; it may have ended already. */
  async connect(to: Target, options: Omit<ConnectOptions, 'to'> = {}): Promise<Peer> {
    const one = this.dial({ to, ...options })
    await this.until(() => one.connectedAt > 0 || one.endings.length > 0, PATIENCE_MS, `${one.id} connecting`)
    return one
  }

  async visits(options: VisitOptions): Promise<readonly Visit[]> {
    return (await this.ask({ do: 'visits', options })) as Visit[]
  }

  /** Lets go what visits hold. */
  release(how: 'fin' | 'rst'): Promise<unknown> {
    return this.ask({ do: 'release', how })
  }

  async lateness(): Promise<number> {
    return Number(await this.ask({ do: 'lateness' }))
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#process.kill('SIGKILL')
    await this.#exited
    this.#forget()
  }

  #hear(told: Told): void {
    switch (told.tell) {
      case 'answer': {
        const waiting = this.#answers.get(told.request)
        this.#answers.delete(told.request)
        if (told.error !== undefined) waiting?.reject(new Error(`${this.name}: ${told.error}`))
        else waiting?.resolve(told.result)
        break
      }
      case 'accepted': {
        const one = new Peer(this, told.id, told.remote)
        one.connectedAt = told.at
        this.#peers.set(told.id, one)
        this.#listeners.get(told.listener)?.accepted.push(one)
        break
      }
      case 'datagram':
        this.datagrams.push({ text: told.text, at: told.at })
        break
      case 'connected':
      case 'heard':
      case 'ending':
        this.#ofPeer(told)
        break
    }
    this.#changes.notify()
  }

  #ofPeer(told: Extract<Told, { tell: 'connected' | 'heard' | 'ending' }>): void {
    const one = this.#peers.get(told.id)
    if (one === undefined) return
    switch (told.tell) {
      case 'connected':
        one.local = told.local
        one.connectedAt = told.at
        break
      case 'heard':
        one.text += told.text
        one.bytes = told.bytes
        one.heardTimes.push(told.at)
        if (one.heardTimes.length > 1000) one.heardTimes.shift()
        break
      case 'ending':
        one.endings.push({ ending: told.ending, at: told.at, sha256: told.sha256 })
        break
    }
  }
}

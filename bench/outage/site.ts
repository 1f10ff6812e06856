import { fileURLToPath } from 'node:url'
import { Client } from '../../test/lab/client.js'
import { Lab, vip, vipPort } from '../../test/lab/lab.js'
import { nowMs, pause, poll } from '../../test/lab/wait.js'
import { importSeed } from '../demo/config.js'
import { PairStack, type Role, type Stack, VipdStack } from './stacks.js'

/** Between two questions of the client. */
export const EVERY_MS = 20

const asker = fileURLToPath(new URL('../failover/asker.js', import.meta.url))

export const PAIR = 'keepalived + haproxy'
export const SCRIPTED = 'the pair with a script'
export type Kind = 'vipd' | typeof PAIR | typeof SCRIPTED

/** Three masters of the seed with one kind of stack on each, their servers, and a client that asks through the VIP. */
export class Site {
  readonly lab: Lab
  readonly stacks: readonly Stack[]
  readonly configuration: string
  readonly client: Client
  /** When the last advert was on the wire. */
  #advertAt = 0

  private constructor(lab: Lab, stacks: readonly (Stack & { readonly configuration: string })[], client: Client) {
    this.lab = lab
    this.stacks = stacks
    this.configuration = stacks[0]?.configuration ?? ''
    this.client = client
  }

  /** Starts everything; resolves when the first master serves the VIP. */
  static async open(kind: Kind): Promise<Site> {
    const lab = new Lab()
    try {
      const stacks = await stacksOf(lab, kind)
      for (const node of lab.masters) {
        const server = lab.start(node, [process.execPath, asker, 'serve', node.name, node.address, '6443'])
        await server.line(/listening/, 5000)
      }
      const ask = [process.execPath, asker, 'ask', vip, String(vipPort), String(EVERY_MS), '1000']
      const client = lab.ending(new Client(['ip', 'netns', 'exec', lab.client.namespace, ...ask]))
      const site = new Site(lab, stacks, client)
      const onLine = (line: string): void => {
        if (line.includes('VRRP')) site.#advertAt = nowMs()
      }
      const tcpdump = ['tcpdump', '-i', 'bond0', '-n', '-l', '--immediate-mode', 'ip proto 112']
      const wire = lab.start(lab.client, tcpdump, { keep: 50, onLine })
      await wire.line(/listening on/, 5000)
      await Promise.all(stacks.map((stack) => stack.start()))
      await site.settled()
      return site
    } catch (error) {
      await lab.close()
      throw error
    }
  }

  get first(): Stack {
    const [first] = this.stacks
    if (first === undefined) throw new Error('a site has three stacks')
    return first
  }

  /** Waits until the first master alone has the VIP and the client is answered for a second without a hole. */
  async settled(deadlineMs = 40_000): Promise<void> {
    const [m1, ...others] = this.lab.masters
    const isSettled = (): boolean => {
      const isOurs = this.lab.hasVip(m1) && others.every((node) => !this.lab.hasVip(node))
      const since = nowMs() - 1000
      return isOurs && this.client.longestGap(since) < 8 * EVERY_MS && this.client.failed(since).length === 0
    }
    await poll(isSettled, deadlineMs, 'the first master serving alone', 200)
  }

  /** Waits for half a second after an advert: a fault then always finds the election in the same moment. */
  async betweenAdverts(): Promise<void> {
    const since = nowMs()
    await poll(() => this.#advertAt > since, 5000, 'an advert', 2)
    await pause(500)
  }

  async close(): Promise<void> {
    await this.lab.close()
  }
}

async function stacksOf(lab: Lab, kind: Kind): Promise<(Stack & { readonly configuration: string })[]> {
  const roles: readonly Role[] = ['master', 'backup', 'backup']
  if (kind !== 'vipd')
    return lab.masters.map(
      (node, index) => new PairStack(lab, node, roles[index] ?? 'backup', { isScripted: kind === SCRIPTED })
    )
  const [master, backup] = await Promise.all([importSeed('master', lab.folder), importSeed('backup', lab.folder)])
  return lab.masters.map((node, index) => new VipdStack(lab, node, (index === 0 ? master : backup).yaml))
}

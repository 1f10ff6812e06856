import { readFile } from 'node:fs/promises'

/** Which interfaces route IPv6: their neighbour advertisements say so (RFC 4861 §4.4, the R flag). */
export class Forwarding {
  readonly #isRouter = new Map<number, boolean>()

  /** As last read. */
  readonly isRouter = (interfaceIndex: number): boolean => this.#isRouter.get(interfaceIndex) ?? false

  /** Reads it anew. */
  async read(links: readonly { readonly index: number; readonly name: string }[]): Promise<void> {
    for (const { index, name } of links) {
      const text = await readFile(`/proc/sys/net/ipv6/conf/${name}/forwarding`, 'utf8').catch(() => '0')
      this.#isRouter.set(index, text.trim() === '1')
    }
  }
}

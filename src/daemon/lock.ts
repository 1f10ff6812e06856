import { createServer } from 'node:net'

/** In the abstract namespace: it belongs to the network namespace, as the addresses do, and dies with its process. */
const NAME = '\0vipd-addresses'

/**
 * Marks this process as the one whose addresses are in this network namespace.
 * @returns how to give the mark back, or undefined while another process has it
 */
export function takeAddressLock(): Promise<(() => void) | undefined> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy())
    server.once('error', () => resolve(undefined))
    server.listen({ path: NAME }, () => {
      server.unref()
      resolve(() => server.close())
    })
  })
}

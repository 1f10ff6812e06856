import type { Master } from './cluster.js'

/** What happens to the masters, one after the other; who is hit is `play`'s to say. */
export interface Fault {
  readonly title: string
  readonly waitMs: number
  inject(master: Master): void
}

export const faults: readonly Fault[] = [
  {
    title: 'apiserver of a backup stops in order (SIGTERM, 5 s shutdown delay)',
    waitMs: 12_000,
    inject: ({ apiserver }) => apiserver.signal('SIGTERM')
  },
  { title: 'vipd of the master killed (-9)', waitMs: 9000, inject: ({ vipd }) => vipd.child.signal('SIGKILL') },
  {
    title: 'the next master dies: vipd and its apiserver killed (-9)',
    waitMs: 12_000,
    inject: ({ vipd, apiserver }) => {
      vipd.child.signal('SIGKILL')
      apiserver.signal('SIGKILL')
    }
  }
]

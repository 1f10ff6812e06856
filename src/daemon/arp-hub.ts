import type { Addon, NativeArp, NativeCloseable } from '../os/addon.js'

/** ARP of each interface, heard once however many instances listen: every socket would cost a copy of each packet. */
export class ArpHub {
  readonly #addon: Pick<Addon, 'ArpSocket'>
  readonly #ears = new Map<
    number,
    { readonly socket: NativeCloseable; readonly listeners: Set<(arp: NativeArp) => void> }
  >()

  constructor(addon: Pick<Addon, 'ArpSocket'>) {
    this.#addon = addon
  }

  /** Throws when the first listener's socket cannot be opened. */
  readonly open = (interfaceIndex: number, onArp: (arp: NativeArp) => void): { close(): void } => {
    const ear = this.#ears.get(interfaceIndex) ?? this.#openEar(interfaceIndex)
    const listener = (arp: NativeArp): void => onArp(arp)
    ear.listeners.add(listener)
    return {
      close: () => {
        ear.listeners.delete(listener)
        if (ear.listeners.size > 0 || this.#ears.get(interfaceIndex) !== ear) return
        this.#ears.delete(interfaceIndex)
        ear.socket.close()
      }
    }
  }

  #openEar(interfaceIndex: number) {
    const listeners = new Set<(arp: NativeArp) => void>()
    const socket = new this.#addon.ArpSocket(interfaceIndex, (arp) => {
      for (const listener of listeners) listener(arp)
    })
    const ear = { socket, listeners }
    this.#ears.set(interfaceIndex, ear)
    return ear
  }
}

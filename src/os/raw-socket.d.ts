declare module 'raw-socket' {
  /** What is used of npm raw-socket; it has no types of its own. */
  export interface Socket {
    on(event: 'message', listener: (buffer: Buffer, source: string) => void): this
    on(event: 'error', listener: (error: Error) => void): this
    on(event: 'close', listener: () => void): this
    setOption(level: number, option: number, value: Buffer | number, length?: number): void
    send(
      buffer: Buffer,
      offset: number,
      length: number,
      address: string,
      callback: (error: Error | null, bytes: number) => void
    ): this
    pauseRecv(): this
    close(): this
  }
  export const AddressFamily: { readonly IPv4: number; readonly IPv6: number }
  export function createSocket(options: { protocol: number; addressFamily: number; bufferSize?: number }): Socket
}

import { execFileSync } from 'node:child_process'
import { Child } from './child.js'

/** tcpdump writes down what is on the wire, tshark judges it: neither of them is ours. */
export class Capture {
  readonly file: string
  readonly #child: Child

  constructor(namespace: string, device: string, file: string, filter: string) {
    this.file = file
    const tcpdump = ['tcpdump', '-i', device, '-n', '-U', '--immediate-mode', '-Z', 'root', '-w', file, filter]
    this.#child = new Child(['ip', 'netns', 'exec', namespace, ...tcpdump])
  }

  /** Resolves when packets are being written down. */
  async started(deadlineMs = 5000): Promise<void> {
    await this.#child.line(/listening on/, deadlineMs)
  }

  async stop(): Promise<void> {
    await this.#child.stop('SIGINT', 3000)
  }

  /** One record for each packet that matches the display filter, with the fields asked for ('' where a packet has none). */
  read<Field extends string>(displayFilter: string, fields: readonly Field[]): Record<Field, string>[] {
    const args = [
      '-n',
      '-r',
      this.file,
      '-Y',
      displayFilter,
      '-T',
      'fields',
      '-E',
      'separator=/t',
      '-E',
      'occurrence=f'
    ]
    const options = ['-o', 'ip.check_checksum:TRUE']
    const out = execFileSync('tshark', [...args, ...options, ...fields.flatMap((field) => ['-e', field])], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: 30_000
    })
    const rows = out.split('\n').filter((line) => line !== '')
    return rows.map((line) => {
      const values = line.split('\t')
      return Object.fromEntries(fields.map((field, index) => [field, values[index] ?? ''])) as Record<Field, string>
    })
  }

  /** The frames that match, as hexadecimal. */
  frames(displayFilter: string): string[] {
    const out = execFileSync(
      'tshark',
      ['-n', '-r', this.file, '-Y', displayFilter, '-T', 'json', '-x', '-j', 'frame_raw'],
      {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
        timeout: 30_000,
        maxBuffer: 64 << 20
      }
    )
    const packets = JSON.parse(out || '[]') as { _source: { layers: { frame_raw: [string] } } }[]
    return packets.map((packet) => packet._source.layers.frame_raw[0])
  }
}

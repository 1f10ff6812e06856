import type * as z from 'zod'
import { formatHostPort } from '../base/ip.js'
import { credential, hostPort, list, map, secretFile } from './fields.js'

/**
 * The other nodes, and the channel to them: each tells the others what it is and who its clients are, so that every
 * node can show all of them, and a new master can tell clients that their connections are gone.
 */
export const peers = map(
  {
    listen: hostPort.describe('Where this node takes the others’ word: an address of its own, never a virtual one'),
    key_file: secretFile
      .optional()
      .describe('File that holds the common key in hexadecimal, readable by nobody but its owner'),
    key_credential: credential.optional().describe('systemd credential (LoadCredential=) that holds it'),
    nodes: list(hostPort, 'nodes, like 10.0.0.2:8405')
      .refine((all) => all.length <= 16, { error: () => 'must be at most 16 nodes' })
      .describe(
        'Where the others take this node’s word; this node’s own may be among them, so that all have the same list'
      )
  },
  'listen, key_file or key_credential, nodes'
).transform((raw) => ({
  listen: raw.listen,
  key: { file: raw.key_file ?? null, credential: raw.key_credential ?? null },
  nodes: raw.nodes.filter((one) => formatHostPort(one) !== formatHostPort(raw.listen))
}))

export type PeersConfig = z.output<typeof peers>

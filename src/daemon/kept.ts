import { readSync } from 'node:fs'
import type { Addon } from '../os/addon.js'
import { FORMAT } from './estate.js'
import { ESTATE, type Kept, SOCKETS } from './keeping.js'
import { KEPT_MS } from './mark.js'
import type { Legacy } from './taking.js'

const MOST_BYTES = 1 << 30
const PIECE = 1 << 20

/** What the process before this one put into the service manager's store. Descriptors that are of no use are closed. */
export type Restored =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'legacy'; readonly legacy: Legacy }
  | { readonly kind: 'useless'; readonly why: string }

/**
 * @param stored descriptors by name, as LISTEN_FDS brings them
 * @param nowMs monotonic
 */
export function restore(
  stored: ReadonlyMap<string, readonly number[]>,
  addon: Pick<Addon, 'closeDescriptors' | 'handoverFormat' | 'receiveMessage'>,
  nowMs: number
): Restored {
  const sockets = stored.get(SOCKETS) ?? []
  const files = stored.get(ESTATE) ?? []
  if (sockets.length + files.length === 0) return { kind: 'nothing' }
  try {
    const [file] = files
    if (file === undefined) throw new Error('nothing says what they are')
    const { kept, sessions } = parse(readAll(file))
    if (kept.format !== FORMAT || kept.sessionsFormat !== addon.handoverFormat)
      throw new Error(
        `they are of format ${kept.format}.${kept.sessionsFormat}, and ours is ${FORMAT}.${addon.handoverFormat}`
      )
    if (!(nowMs - kept.atMs >= 0 && nowMs - kept.atMs < KEPT_MS)) throw new Error('they are too old')
    const [queue] = sockets
    if (queue === undefined || !Number.isInteger(kept.sockets)) throw new Error('some of them are missing')
    const descriptors = takeOut(queue, kept.sockets, addon)
    addon.closeDescriptors([...files, ...sockets])
    return { kind: 'legacy', legacy: { estate: kept.estate, sessions, descriptors } }
  } catch (error) {
    addon.closeDescriptors([...files, ...sockets])
    return { kind: 'useless', why: error instanceof Error ? error.message : String(error) }
  }
}

/** Those that wait in a queue, in their order. Throws when there are others than should be. */
function takeOut(queue: number, count: number, addon: Pick<Addon, 'closeDescriptors' | 'receiveMessage'>): number[] {
  const out: number[] = []
  while (out.length < count) {
    const descriptors = nextOf(queue, addon)
    out.push(...descriptors)
    if (descriptors.length === 0 || out.length > count) {
      addon.closeDescriptors(out)
      throw new Error('some of them are missing')
    }
  }
  return out
}

function nextOf(queue: number, addon: Pick<Addon, 'receiveMessage'>): readonly number[] {
  try {
    return addon.receiveMessage(queue)?.descriptors ?? []
  } catch {
    return [] // Its other end is gone, and nothing is left in it.
  }
}

function parse(bytes: Buffer): { readonly kept: Kept; readonly sessions: Buffer } {
  const end = bytes.indexOf(10)
  if (end < 0) throw new Error('what says what they are is cut')
  const kept = JSON.parse(bytes.toString('utf8', 0, end)) as Kept
  const sessions = bytes.subarray(end + 1)
  if (sessions.length !== kept.sessionBytes) throw new Error('what says what they are is cut')
  return { kept, sessions }
}

/** At the start, before anything waits: a file in memory. */
function readAll(descriptor: number): Buffer {
  const pieces: Buffer[] = []
  for (let at = 0; at < MOST_BYTES; ) {
    const piece = Buffer.alloc(PIECE)
    const got = readSync(descriptor, piece, 0, PIECE, at)
    if (got === 0) return Buffer.concat(pieces)
    pieces.push(piece.subarray(0, got))
    at += got
  }
  throw new Error('what says what they are has no end')
}

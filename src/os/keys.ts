import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf, messageOf } from '../base/errors.js'

/** Where a key is: a file of ours or a systemd credential, the other being null or absent. */
export interface KeyPlace {
  readonly file?: string | null
  readonly credential?: string | null
}

export type ReadKey = { readonly ok: true; readonly secret: Uint8Array } | { readonly ok: false; readonly why: string }

const MIN_BYTES = 16
const MAX_BYTES = 64
const MAX_FILE_BYTES = 4096
const FOR_OTHERS = 0o077
const MAKE = 'openssl rand -hex 32'

/**
 * Reads a key, anew each time: a reload calls it again. Never throws; `why` is a sentence that says what to do and
 * never has a letter of the key in it.
 */
export async function readKey(place: KeyPlace, environment: NodeJS.ProcessEnv): Promise<ReadKey> {
  if (place.file != null) return await readHex(place.file, true)
  if (place.credential == null) return bad('the key has neither file nor credential')
  const folder = environment['CREDENTIALS_DIRECTORY']
  if (folder === undefined || folder === '') {
    return bad(
      `there is no credential ${place.credential}: vipd was not started by systemd with LoadCredential=${place.credential}:PATH`
    )
  }
  // systemd keeps the folder to us; inside it a mode may show an access list's mask and means nothing.
  return await readHex(join(folder, place.credential), false)
}

/** What is wrong with a key's file, as a sentence; undefined when nothing is. For `vipd check`. */
export async function keyProblem(path: string): Promise<string | undefined> {
  const read = await readHex(path, true)
  return read.ok ? undefined : read.why
}

async function readHex(path: string, mustBePrivate: boolean): Promise<ReadKey> {
  try {
    // NONBLOCK: opening a pipe that nobody writes to would hang.
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      const { size, mode } = await handle.stat()
      if ((mode & constants.S_IFMT) !== constants.S_IFREG) return bad(`${path} is not a regular file`)
      if (mustBePrivate && (mode & FOR_OTHERS) !== 0) {
        const octal = (mode & 0o777).toString(8).padStart(4, '0')
        return bad(`${path} is open to others (mode ${octal}), so its key is no secret: chmod 600 ${path}`)
      }
      if (size > MAX_FILE_BYTES) return bad(`${path} is longer than 4 KiB, so it is no key: write one with ${MAKE}`)
      const buffer = Buffer.alloc(MAX_FILE_BYTES)
      const { bytesRead } = await handle.read(buffer, 0, MAX_FILE_BYTES, 0)
      return decode(path, buffer.toString('latin1', 0, bytesRead))
    } finally {
      await handle.close()
    }
  } catch (error) {
    return bad(`${path} cannot be read: ${reason(error, path)}`)
  }
}

/** Spaces and line ends do not count: some programs break long lines. */
function decode(path: string, text: string): ReadKey {
  const digits = text.replace(/\s+/g, '')
  if (digits === '') return bad(`${path} is empty: write a key with ${MAKE}`)
  if (!/^[0-9A-Fa-f]+$/.test(digits)) {
    return bad(`${path} has something other than hexadecimal digits in it: write a key with ${MAKE}`)
  }
  if (digits.length % 2 !== 0) return bad(`${path} has an odd number of hexadecimal digits: one is lost`)
  const bytes = digits.length / 2
  if (bytes < MIN_BYTES || bytes > MAX_BYTES) {
    return bad(`${path} holds ${bytes} bytes, and a key has ${MIN_BYTES} to ${MAX_BYTES}: write one with ${MAKE}`)
  }
  return { ok: true, secret: Uint8Array.from(Buffer.from(digits, 'hex')) }
}

function reason(error: unknown, path: string): string {
  switch (errnoOf(error)) {
    case 'ENOENT':
      return `there is no such file; make one with (umask 077; ${MAKE} > ${path}) and copy it to every node`
    case 'EACCES':
    case 'EPERM':
      return 'permission denied; it must belong to the user that vipd runs as'
    default:
      return messageOf(error)
  }
}

const bad = (why: string): ReadKey => ({ ok: false, why })

import { argumentOf, type Directive, keywordOf } from './directive.js'
import { nameFrom } from './keepalived-draft.js'
import type { Report } from './report.js'
import {
  durationNode,
  type Entry,
  entry,
  type Item,
  item,
  leftBehind,
  list,
  type MapNode,
  map,
  numberOr,
  scalar
} from './yaml-tree.js'

/** What stands in the files that vipd will read keys from, by path: two keys must not go to one file. */
export type KeyFiles = Map<string, string>

/** keepalived's way to name a systemd credential. */
const CREDENTIAL = /^file:\$\{_ENV CREDENTIALS_DIRECTORY\}\/([A-Za-z0-9_.-]{1,255})$/

/** True for a word that names a systemd credential, though it looks like a variable. */
export const isCredential = (word: string): boolean => CREDENTIAL.test(word)

/** auth_hmac { … } as vipd has it. No key is printed, and none is written: vipd reads keys from files. */
export function importHmac(block: Directive, instance: string, files: KeyFiles, report: Report): MapNode {
  const entries: Entry[] = []
  const keys: Item[] = []
  let behind: readonly string[] = []
  for (const line of block.block ?? []) {
    const place = { file: report.file, line: line.line }
    const found = keywordOf(line) === 'key' ? keyNode(line, instance, files, report) : undefined
    const other = found === undefined ? otherEntry(line, report) : undefined
    if (found === undefined && other === undefined) {
      // Never a word of it: it may hold a key.
      behind = [...behind, ...leftBehind({ ...line, words: [keywordOf(line)].filter(isWord) })]
      continue
    }
    report.carry(line)
    const from = { above: [...behind, ...line.above], beside: line.beside, place }
    if (found !== undefined) keys.push(item(found, from))
    else if (other !== undefined) entries.push(entry(other.key, other.node, from))
    behind = []
  }
  const place = { file: report.file, line: block.line }
  return map([entry('key', list(keys), { place }), ...entries], false, [...behind, ...block.tail])
}

const WORDS: ReadonlySet<string> = new Set(['key', 'active_key', 'time_window', 'anti_replay', 'mode'])
const isWord = (word: string): boolean => WORDS.has(word)

function keyNode(line: Directive, instance: string, files: KeyFiles, report: Report): MapNode | undefined {
  const [, id = '', value = ''] = line.words
  if (!/^\d{1,3}$/.test(id) || value === '' || line.words.length > 3) {
    report.add('error', line, 'auth_hmac key', 'must be `key ID VALUE`, where ID is 1 to 255')
    return undefined
  }
  const subject = `auth_hmac key ${id}`
  const credential = CREDENTIAL.exec(value)?.[1]
  if (credential !== undefined) {
    const text = `vipd.service needs the credential too, \`LoadCredential=${credential}:PATH\`, and vipd reads hexadecimal digits alone: no \`hex:\` before them`
    report.add('changed', line, subject, text)
    return map([entry('id', numberOr(id)), entry('credential', scalar(credential))], true)
  }
  if (value.startsWith('file:')) {
    const text =
      'vipd reads hexadecimal digits alone from it, where keepalived takes `hex:` before them, or text: mend the file, and see that nobody but vipd’s user can read it (mode 0600)'
    report.add('changed', line, subject, text)
    return map([entry('id', numberOr(id)), entry('file', scalar(value.slice('file:'.length)))], true)
  }
  const file = keyFile(id, value, instance, files)
  const how = value.startsWith('hex:')
    ? 'the digits after `hex:` in this line'
    : 'the text in this line as hexadecimal digits (`printf %s \'TEXT\' | od -An -v -tx1 | tr -d " \\n"`)'
  const text = `NOT carried over: vipd reads keys from files. Before the start, write into ${file} ${how}, for vipd’s user alone (mode 0600)`
  report.add('changed', line, subject, text)
  return map([entry('id', numberOr(id)), entry('file', scalar(file))], true)
}

/** /etc/vipd/vrrp-ID.key, or with the instance's name where another key has that one. */
function keyFile(id: string, value: string, instance: string, files: KeyFiles): string {
  const short = `/etc/vipd/vrrp-${Number(id)}.key`
  const known = files.get(short)
  const path = known === undefined || known === value ? short : `/etc/vipd/vrrp-${nameFrom(instance)}-${Number(id)}.key`
  files.set(path, value)
  return path
}

function otherEntry(line: Directive, report: Report): { key: string; node: Entry['node'] } | undefined {
  const keyword = keywordOf(line)
  const value = argumentOf(line)
  const subject = `auth_hmac ${keyword}`
  switch (keyword) {
    case 'key':
      return undefined
    case 'active_key':
      return { key: keyword, node: numberOr(value) }
    case 'time_window':
      return { key: keyword, node: durationNode(value, 's') }
    case 'anti_replay':
      if (value === 'monotonic') {
        const text = 'vipd looks at the time too: keep the clocks of the nodes within `time_window` of each other'
        report.add('changed', line, `${subject} monotonic`, text)
        return undefined
      }
      return { key: keyword, node: scalar(value === 'time' ? true : value) }
    case 'mode':
      if (value !== 'receive-only') return { key: keyword, node: scalar(value) }
      report.add(
        'changed',
        line,
        `${subject} receive-only`,
        'vipd signs always: `permissive` is written. A node that does not know signatures yet hears nothing of this one'
      )
      return { key: keyword, node: scalar('permissive') }
    default:
      report.add('error', line, 'auth_hmac', `has a line that is not understood: known are ${[...WORDS].join(', ')}`)
      return undefined
  }
}

import { EXIT } from './exit.js'

/** `SERVICE/SERVER` as two names; undefined where it is none. A name of a server may have a slash, one of a service not. */
export function serverNameOf(word: string): { readonly service: string; readonly server: string } | undefined {
  const at = word.indexOf('/')
  return at < 1 || at === word.length - 1 ? undefined : { service: word.slice(0, at), server: word.slice(at + 1) }
}

/** Ends a command by wrong usage, in one sentence. */
export function misuse(sentence: string): void {
  process.stderr.write(`vipd: ${sentence}\n`)
  process.exitCode = EXIT.usage
}

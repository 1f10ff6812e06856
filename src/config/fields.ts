import * as z from 'zod'
import { type DurationUnit, formatDuration, parseDuration } from '../base/duration.js'
import { canonicalAddress, parseHostPort, parsePrefix } from '../base/ip.js'

/** The kinds of value that the configuration is made of, each with a message that says what would be right. */

export const list = <Item extends z.ZodType>(item: Item, what: string) =>
  z.array(item, { error: () => `must be a list of ${what}` }).min(1, { error: () => `needs at least one of ${what}` })

export const map = <Shape extends z.ZodRawShape>(shape: Shape, what: string) =>
  z.strictObject(shape, {
    error: (issue) => (issue.code === 'unrecognized_keys' ? undefined : `must be a map: ${what}`)
  })

/** A name that turns up in logs, status and metrics. */
export const name = z
  .string({ error: () => 'must be a name, like VI_1' })
  .regex(/^[A-Za-z0-9_.:-]{1,64}$/, { error: () => 'must be 1 to 64 of A-Z a-z 0-9 _ . : -' })

export const integer = (least: number, most: number, hint = '') => {
  const error = (): string => `must be a whole number from ${least} to ${most}${hint === '' ? '' : `: ${hint}`}`
  return z.int({ error }).min(least, { error }).max(most, { error })
}

export const flag = z.boolean({ error: () => 'must be true or false' })

/** Milliseconds. A bare number means what it means in the incumbent: seconds for vrrp, milliseconds for proxy. */
export const duration = (bareUnit: DurationUnit, leastMs: number, mostMs: number) =>
  z
    .union([z.string(), z.number()], { error: () => 'must be a duration like 5s, 500ms or 1m' })
    .transform((value, context) => {
      const ms = parseDuration(value, bareUnit)
      if (ms !== undefined && ms >= leastMs && ms <= mostMs) return ms
      const range = `${formatDuration(leastMs)} to ${formatDuration(mostMs)}`
      const bare = `a bare number means ${bareUnit === 's' ? 'seconds' : 'milliseconds'} here`
      context.addIssue({ code: 'custom', message: `must be a duration from ${range}, like 5s or 500ms (${bare})` })
      return z.NEVER
    })

export const hostPort = z
  .string({ error: () => 'must be ADDRESS:PORT, like 10.0.0.1:6443' })
  .transform((value, context) => {
    const parsed = parseHostPort(value)
    if (parsed !== undefined) return parsed
    context.addIssue({
      code: 'custom',
      message: 'must be ADDRESS:PORT, like 10.0.0.1:6443 or [fd00::1]:6443 (names are not resolved)'
    })
    return z.NEVER
  })

export const prefix = z
  .string({ error: () => 'must be an address, like 10.0.0.99 or 10.0.0.99/24' })
  .transform((value, context) => {
    const parsed = parsePrefix(value)
    if (parsed !== undefined) return parsed
    context.addIssue({ code: 'custom', message: 'must be an address, like 10.0.0.99 or 10.0.0.99/24' })
    return z.NEVER
  })

/** A host name as TLS asks for it, in lower case. */
export const hostName = z
  .string({ error: () => 'must be a host name, like api.example.com' })
  .regex(/^(?=.{1,253}$)[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*$/, {
    error: () => 'must be a host name, like api.example.com'
  })
  .transform((value) => value.toLowerCase())

/** 0 to 50 %, as a number. */
export const percent = z
  .union([z.string(), z.number()], { error: () => 'must be 0% to 50%' })
  .transform((value, context) => {
    const match = /^(\d{1,2}(?:\.\d+)?)\s?%?$/.exec(String(value).trim())
    const number = Number(match?.[1])
    if (match !== null && number <= 50) return number
    context.addIssue({ code: 'custom', message: 'must be 0% to 50%, like 3%' })
    return z.NEVER
  })

/** One of a few words. */
export const word = <const Words extends readonly [string, ...string[]]>(...words: Words) =>
  z.enum(words, { error: () => `must be ${words.length === 1 ? words[0] : `one of ${words.join(', ')}`}` })

export const interfaceName = z
  .string({ error: () => 'must be the name of an interface, like eth0' })
  .regex(/^[^\s/]{1,15}$/, {
    error: () => 'must be the name of an interface: 1 to 15 characters, no blank, no slash'
  })

/** An address alone, in its canonical spelling. */
export const address = z.string({ error: () => 'must be an address, like 10.0.0.2' }).transform((value, context) => {
  const canonical = canonicalAddress(value)
  if (canonical !== undefined) return canonical
  context.addIssue({ code: 'custom', message: 'must be an address, like 10.0.0.2, without a length' })
  return z.NEVER
})

/** A program and its arguments, as one line. */
export const command = z
  .string({ error: () => 'must be a command, like /usr/local/bin/check --fast' })
  .regex(/^[^\0\n]{1,4096}$/, { error: () => 'must be one line of at most 4096 characters' })
  .regex(/\S/, { error: () => 'must not be empty' })

export const user = z
  .string({ error: () => 'must be the name of a user' })
  .regex(/^[A-Za-z_][A-Za-z0-9_.-]{0,31}$/, { error: () => 'must be the name of a user, like nobody' })

/** `HOST` or `HOST:PORT`; a name is resolved when mail is sent. */
export const smtpServer = z
  .string({ error: () => 'must be HOST or HOST:PORT, like 127.0.0.1:25' })
  .transform((value, context) => {
    const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9_.-]+))(?::(\d{1,5}))?$/.exec(value)
    const bare = canonicalAddress(value)
    const port = Number(match?.[3] ?? 25)
    const host = bare ?? match?.[1] ?? match?.[2]
    if (host !== undefined && port > 0 && port <= 65_535) return { host, port }
    context.addIssue({ code: 'custom', message: 'must be HOST or HOST:PORT, like 127.0.0.1:25' })
    return z.NEVER
  })

/** Where a secret is: a file … */
export const secretFile = z
  .string({ error: () => 'must be the path of a file' })
  .regex(/^\//, { error: () => 'must be an absolute path' })

/** … or what systemd hands over. */
export const credential = z
  .string({ error: () => 'must be the name of a systemd credential' })
  .regex(/^[A-Za-z0-9_.-]{1,255}$/, { error: () => 'must be the name of a systemd credential' })

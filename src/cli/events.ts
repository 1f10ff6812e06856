import type { CommandModule } from 'yargs'
import type { HistoryEvent } from '../base/history.js'
import { socketOption } from './options.js'
import { printable } from './text.js'

const FOLLOW_MS = 500

interface EventsOptions {
  readonly socket: string
  readonly json: boolean | undefined
  readonly follow: boolean | undefined
}

/** `vipd events`: the last changes, newest last; with --follow, what comes too. JSON is an array, when following a line for each. */
export const eventsCommand: CommandModule<object, EventsOptions> = {
  command: 'events',
  describe: 'Show the last state changes, newest last',
  builder: (yargs) =>
    yargs
      .option('socket', socketOption)
      .option('follow', { alias: 'f', type: 'boolean', describe: 'Go on with what happens, until Ctrl-C' })
      .option('json', { type: 'boolean', describe: 'As JSON: an array, or with --follow one object a line' }),
  handler: async ({ socket, json, follow }) => {
    const { getEvents } = await import('../admin/client.js')
    const events = await getEvents(socket, 0)
    if (follow !== true) {
      process.stdout.write(json === true ? `${JSON.stringify(events, null, 2)}\n` : eventLines(events))
      return
    }
    const { setTimeout: sleep } = await import('node:timers/promises')
    const show = json === true ? jsonLines : eventLines
    let last = 0
    for (let fresh = events; ; fresh = await getEvents(socket, last)) {
      process.stdout.write(show(fresh))
      last = fresh.at(-1)?.seq ?? last
      await sleep(FOLLOW_MS)
    }
  }
}

const jsonLines = (events: readonly HistoryEvent[]): string =>
  events.map((event) => `${JSON.stringify(event)}\n`).join('')

/** Events for a person: time, level where it is not info, whose it is, what happened, the facts as word=value. */
export function eventLines(events: readonly HistoryEvent[]): string {
  return events
    .map(({ at, level, scope, instance, event, facts }) => {
      const told = Object.entries(facts).map(([key, value]) => `${key}=${factText(value)}`)
      const head = [at, ...(level === 'info' ? [] : [level.toUpperCase()]), instance ?? scope]
      return `${[...head, ...[event, ...told].map(printable)].join('  ')}\n`
    })
    .join('')
}

const factText = (value: unknown): string => (typeof value === 'string' ? value : (JSON.stringify(value) ?? ''))

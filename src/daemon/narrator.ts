import type { History } from '../base/history.js'
import type { Log } from '../base/log.js'
import type { Config, VrrpConfig } from '../config/schema.js'
import type { Notifier } from '../notify/notifier.js'
import type { ConditionStatus } from '../vrrp/conditions.js'
import type { Transition } from '../vrrp/instance-ports.js'
import { RESUMED, type Role } from '../vrrp/machine.js'

export interface NarratorPorts {
  readonly notifier: Pick<Notifier, 'tell' | 'priorityChanged'>
  readonly history: Pick<History, 'add'>
  readonly log: Log
  readonly today: () => Date
}

/** Tells everybody what the election did: events, scripts, FIFO, mail. The election has gone on before anybody hears of it. */
export class Narrator {
  readonly #ports: NarratorPorts
  #groups: Config['groups'] = []

  constructor(ports: NarratorPorts) {
    this.#ports = ports
  }

  configure(config: Pick<Config, 'groups'>): void {
    this.#groups = config.groups
  }

  readonly onTransition = (config: VrrpConfig, { from, to, priority, reason }: Transition): void => {
    const at = this.#ports.today()
    const level = to === 'FAULT' ? 'error' : 'info'
    this.#add(level, config.name, 'state', { from, to, reason, priority })
    // It has been told of this mastership already.
    if (reason === RESUMED) return
    const { name } = config
    this.#ports.notifier.tell({ kind: 'INSTANCE', name, from, to: wordOf(to), priority, reason, at }, config.notify)
  }

  readonly onGroup = (name: string, from: Role, to: Role): void => {
    this.#ports.log.warn({ group: name, from, to }, 'sync group changed')
    this.#add('info', name, 'group', { from, to })
    const group = this.#groups.find((one) => one.name === name)
    if (group === undefined) return
    const at = this.#ports.today()
    const reason = 'all of its members'
    this.#ports.notifier.tell({ kind: 'GROUP', name, from, to: wordOf(to), priority: 0, reason, at }, group.notify)
  }

  readonly onPriority = ({ name }: VrrpConfig, priority: number, role: Role): void => {
    this.#add('info', name, 'priority', { priority })
    this.#ports.notifier.priorityChanged(name, role, priority)
  }

  readonly onCondition = (instance: string, what: 'raised' | 'over', condition: ConditionStatus): void => {
    const { name, peer, detail, mend } = condition
    const facts = { instance, condition: name, peer: peer?.address ?? null, mac: peer?.mac ?? null, detail }
    if (what === 'raised') this.#ports.log.warn({ ...facts, mend }, 'condition raised')
    else this.#ports.log.info(facts, 'condition over')
    this.#add(what === 'raised' ? 'warn' : 'info', instance, `condition ${what}`, facts)
  }

  #add(level: 'info' | 'warn' | 'error', instance: string, event: string, facts: Record<string, unknown>): void {
    this.#ports.history.add({ at: this.#ports.today().toISOString(), level, scope: 'vrrp', instance, event, facts })
  }
}

/** keepalived's word for an instance that is no more. */
const wordOf = (role: Role): 'MASTER' | 'BACKUP' | 'FAULT' | 'STOP' => (role === 'INIT' ? 'STOP' : role)

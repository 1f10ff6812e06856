import { type GlobalConfig, globalDefs } from '../../../src/config/global-schema.js'
import { type NotifyCounters, noNotifyCounters } from '../../../src/notify/counters.js'
import type { Notify, Transition } from '../../../src/notify/transition.js'
import type { Argv, ExecOptions, ExecResult, Run } from '../../../src/os/exec.js'
import type { MailMessage, MailResult, MailSettings, SendMail } from '../../../src/os/mail.js'

export const AT = new Date('2026-11-22T20:24:44.000Z')

export const transition = (to: Transition['to'], more: Partial<Transition> = {}): Transition => ({
  kind: 'INSTANCE',
  name: 'VI_1',
  from: 'BACKUP',
  to,
  priority: 100,
  reason: 'master-down',
  at: AT,
  ...more
})

export const notify = (more: Partial<Notify> = {}): Notify => ({
  master: null,
  backup: null,
  fault: null,
  stop: null,
  any: null,
  smtpAlert: null,
  ...more
})

/** As the configuration file has it. */
export const globalOf = (raw: object): GlobalConfig => globalDefs.parse(raw)

export const MAIL = {
  router_id: 'NODE_A',
  notification_email: ['ops@example.com'],
  notification_email_from: 'vipd@example.com',
  smtp_server: '192.0.2.25:25',
  smtp_alert: true
}

export const counted = (more: Partial<NotifyCounters>): NotifyCounters => ({ ...noNotifyCounters(), ...more })

export const OK: ExecResult = { ok: true, tookMs: 1, output: '' }
export const failed = (why: 'exit' | 'timeout' | 'cancelled', detail: string, output = ''): ExecResult => ({
  ok: false,
  why,
  code: null,
  detail,
  output,
  tookMs: 1
})

interface Started {
  readonly argv: Argv
  readonly options: ExecOptions
  end(result?: ExecResult): void
}

/** Programs that run until the test ends them, or until they are cancelled. */
export class FakeExec {
  readonly started: Started[] = []
  #open = 0

  get running(): number {
    return this.#open
  }

  get lines(): string[] {
    return this.started.map(({ argv }) => argv.join(' '))
  }

  readonly run: Run = (argv, options) =>
    new Promise((resolve) => {
      this.#open++
      const end = (result: ExecResult = OK): void => {
        this.#open--
        options.signal?.removeEventListener('abort', cancel)
        resolve(result)
      }
      const cancel = (): void => end(failed('cancelled', 'cancelled'))
      options.signal?.addEventListener('abort', cancel)
      this.started.push({ argv, options, end })
    })
}

/** A mail server that answers what the test says, in order; then it takes everything. */
export class FakeMail {
  readonly sent: { readonly settings: MailSettings; readonly message: MailMessage }[] = []
  readonly answers: (MailResult | Promise<MailResult>)[] = []

  readonly sendMail: SendMail = async (settings, message) => {
    this.sent.push({ settings, message })
    return this.answers.shift() ?? { ok: true, rejected: [] }
  }

  get subjects(): string[] {
    return this.sent.map(({ message }) => message.subject.replace(/^.* - /, ''))
  }
}

export const NO = { ok: false, detail: 'connect ECONNREFUSED', isPermanent: false } satisfies MailResult

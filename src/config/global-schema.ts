import * as z from 'zod'
import { duration, flag, integer, list, map, smtpServer, user } from './fields.js'

/** keepalived's global_defs, as far as vipd has the same. */

const mailAddress = z
  .string({ error: () => 'must be a mail address' })
  .regex(/^[^\s@<>]+@[^\s@<>]+$/, { error: () => 'must be a mail address, like ops@example.com' })

const fifo = z
  .string({ error: () => 'must be the path of a FIFO' })
  .regex(/^\//, { error: () => 'must be an absolute path' })

export const globalDefs = map(
  {
    router_id: z
      .string({ error: () => 'must be text' })
      .regex(/^[\x21-\x7e][\x20-\x7e]{0,127}$/, { error: () => 'must be 1 to 128 printable characters' })
      .optional()
      .describe('Names this node in mail; its host name unless given'),
    notification_email: list(mailAddress, 'mail addresses').optional().describe('Who is told of transitions by mail'),
    notification_email_from: mailAddress.optional().describe('Sender of that mail; vipd@HOST unless given'),
    smtp_server: smtpServer.optional().describe('HOST, or HOST:PORT; port 25 unless given'),
    smtp_helo_name: z
      .string({ error: () => 'must be a host name' })
      .regex(/^[A-Za-z0-9_.:[\]-]{1,255}$/, { error: () => 'must be a host name' })
      .optional()
      .describe('What we call ourselves to the mail server; the host name unless given'),
    smtp_connect_timeout: duration('s', 100, 600_000).default(30_000).describe('Deadline of a connection to it'),
    smtp_alert: flag
      .default(false)
      .describe('Mail on the transitions of every instance and group that does not say otherwise'),
    no_email_faults: flag.default(false).describe('No mail on faults'),
    vrrp_startup_delay: duration('s', 0, 3_600_000).default(0).describe('No takeover before this long after the start'),
    script_user: user.optional().describe('Who scripts run as; keepalived_script if there is one, else nobody'),
    notify_fifo: fifo.optional().describe('FIFO that is told of every transition, as keepalived writes it'),
    vrrp_notify_fifo: fifo.optional().describe('The same, under its other name'),
    vrrp_notify_priority_changes: flag.default(false).describe('The FIFO is told of every change of priority too'),
    vrrp_rt_priority: integer(0, 99)
      .default(50)
      .describe(
        'Real-time priority (SCHED_RR) of the thread that sends adverts, where the process may have one; 0: none'
      )
  },
  'router_id, notification_email, smtp_server, …'
).transform((raw) => ({
  /** null: the host's name. */
  routerId: raw.router_id ?? null,
  mail: {
    to: raw.notification_email ?? [],
    /** null: vipd@HOST. */
    from: raw.notification_email_from ?? null,
    /** null: no mail. */
    server: raw.smtp_server ?? null,
    heloName: raw.smtp_helo_name ?? null,
    connectTimeoutMs: raw.smtp_connect_timeout,
    alert: raw.smtp_alert,
    noFaults: raw.no_email_faults
  },
  startupDelayMs: raw.vrrp_startup_delay,
  scriptUser: raw.script_user ?? null,
  fifos: [...new Set([raw.notify_fifo, raw.vrrp_notify_fifo].filter((one) => one !== undefined))],
  fifoPriorityChanges: raw.vrrp_notify_priority_changes,
  realTimePriority: raw.vrrp_rt_priority
}))

export type GlobalConfig = z.output<typeof globalDefs>
export type MailConfig = GlobalConfig['mail']

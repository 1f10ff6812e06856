import { argumentOf, type Directive, keywordOf } from './directive.js'
import { add, type Draft, flagNode, flagOf, type Handler, leaveOut } from './keepalived-draft.js'
import { scalar } from './yaml-tree.js'

/** A draft in which mail may be asked for. */
export interface MailDraft extends Draft {
  /** There is somebody to send mail to, and a server to send it through. */
  readonly canMail: boolean
}

/** notify*, smtp_alert: the same for instances and groups. */
export const NOTIFY_HANDLERS: readonly (readonly [string, Handler<MailDraft>])[] = [
  ['notify', takeCommand],
  ['notify_master', takeCommand],
  ['notify_backup', takeCommand],
  ['notify_fault', takeCommand],
  ['notify_stop', takeCommand],
  ['smtp_alert', takeSmtpAlert]
]

/** smtp_alert, where mail can be sent at all. */
export function takeSmtpAlert(draft: MailDraft, line: Directive): void {
  if (draft.canMail || flagOf(line) === false) add(draft, 'smtp_alert', flagNode(line), line)
  else {
    const text = 'without `notification_email` and `smtp_server` keepalived sends no mail: left out'
    leaveOut(draft, line, 'warning', keywordOf(line), text)
  }
}

/** A script; keepalived takes a user and a group behind it. */
function takeCommand(draft: Draft, line: Directive): void {
  const keyword = keywordOf(line)
  if (argumentOf(line).trim() === '') {
    leaveOut(draft, line, 'error', keyword, 'its script is missing')
    return
  }
  add(draft, keyword, scalar(argumentOf(line)), line)
  if (line.words.length === 2) return
  const text =
    'keepalived takes the words after the script for a user and a group; vipd runs every notify script as global_defs.script_user. If they are arguments, put the whole command in quotes'
  draft.report.add('changed', line, keyword, text)
}

/** True when a block has a script of its own to run. */
export const runsScripts = (block: Directive): boolean =>
  keywordOf(block) === 'vrrp_script' ||
  (block.block ?? []).some((line) => /^notify(?!_fifo|_prio)/.test(keywordOf(line)))

import { messageOf } from '../base/errors.js'

/** The mail server, and how long it may take. */
export interface MailSettings {
  readonly host: string
  readonly port: number
  /** What we call ourselves in EHLO. */
  readonly heloName: string
  /** Deadline of the connection, of the greeting and of each further answer; all together take at most four times it. */
  readonly connectTimeoutMs: number
  /** Ends it before its time. */
  readonly signal?: AbortSignal | undefined
}

export interface MailMessage {
  readonly from: string
  readonly to: readonly string[]
  readonly subject: string
  readonly text: string
  readonly date: Date
  /** The same for each attempt, so that a mail that comes twice is seen to be one: `<id@host>`. */
  readonly messageId?: string | undefined
}

export type MailResult =
  /** `rejected`: recipients that the server did not take, while it took others. */
  | { readonly ok: true; readonly rejected: readonly string[] }
  /** `isPermanent`: the server said no (5xx), and would again. */
  | { readonly ok: false; readonly detail: string; readonly isPermanent: boolean }

export type SendMail = (settings: MailSettings, message: MailMessage) => Promise<MailResult>

/** Port that speaks TLS from the first byte (RFC 8314). */
const SUBMISSIONS_PORT = 465

/**
 * Hands one mail to one server: plain SMTP without a login, encrypted where the server offers it. Its certificate is
 * not verified and a failed STARTTLS falls back to plain text: an internal relay has a certificate of its own making,
 * and the alternative, no mail or all of it in plain text, is no safer. Never rejects.
 */
export const sendMail: SendMail = async (settings, message) => {
  const { host, port, heloName, connectTimeoutMs } = settings
  const deadline = AbortSignal.timeout(4 * connectTimeoutMs)
  const signal = settings.signal === undefined ? deadline : AbortSignal.any([deadline, settings.signal])
  try {
    // Loaded with the first mail: a host without mail never pays for it.
    const { createTransport } = await import('nodemailer')
    const transport = createTransport({
      host,
      port,
      name: heloName,
      secure: port === SUBMISSIONS_PORT,
      opportunisticTLS: true,
      tls: { rejectUnauthorized: false },
      dnsTimeout: connectTimeoutMs,
      connectionTimeout: connectTimeoutMs,
      greetingTimeout: connectTimeoutMs,
      socketTimeout: connectTimeoutMs
    })
    const sent = await transport.sendMail({
      from: addressOf(message.from),
      to: message.to.map(addressOf),
      subject: message.subject,
      text: message.text,
      date: message.date,
      ...(message.messageId === undefined ? {} : { messageId: message.messageId }),
      // RFC 3834: nobody's holiday answers it.
      headers: { 'Auto-Submitted': 'auto-generated' },
      xMailer: 'vipd',
      disableFileAccess: true,
      disableUrlAccess: true,
      signal
    })
    return { ok: true, rejected: sent.rejected }
  } catch (error) {
    const detail = deadline.aborted ? 'the server took too long' : messageOf(error)
    return { ok: false, detail, isPermanent: responseCodeOf(error) >= 500 }
  }
}

/** As it is: nothing in it is taken for a second address or for a name. */
const addressOf = (address: string) => ({ name: '', address })

/** What the server answered, 0 when it did not. */
function responseCodeOf(error: unknown): number {
  if (typeof error !== 'object' || error === null || !('responseCode' in error)) return 0
  return typeof error.responseCode === 'number' ? error.responseCode : 0
}

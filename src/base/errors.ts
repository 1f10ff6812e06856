/** Every failure an operator may have to act on. The codes are API. */
export type ErrorCode =
  | 'CAPABILITY_MISSING'
  | 'ADDON_MISSING'
  | 'ALREADY_RUNNING'
  | 'NOT_RUNNING'
  | 'SOCKET_DENIED'
  | 'LISTEN_FAILED'
  | 'ADDRESS_FAILED'
  | 'KEY_UNREADABLE'
  | 'NETLINK_FAILED'
  | 'TAKE_OVER_FAILED'
  | 'TIMEOUT'
  | 'REFUSED'

/** A failure whose message is one clear sentence for the operator; facts in `details`, origin in `cause`. */
export class VipdError extends Error {
  readonly code: ErrorCode
  readonly details: Readonly<Record<string, unknown>>

  constructor(code: ErrorCode, message: string, details: Readonly<Record<string, unknown>> = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'VipdError'
    this.code = code
    this.details = details
  }
}

/** The errno's name of a failed system call ('EADDRINUSE'), or '' when the value is something else. */
export function errnoOf(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('code' in error)) return ''
  return typeof error.code === 'string' ? error.code : ''
}

/** The message of anything that was thrown. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

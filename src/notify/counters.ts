/** What became of what was to be told; each only grows. */
export const noNotifyCounters = () => ({
  scripts_run: 0,
  /** Of these: those that could not be started, ran into their deadline or said so. */
  scripts_failed: 0,
  fifo_lines: 0,
  fifo_dropped: 0,
  mails_sent: 0,
  /** Given up after all attempts. */
  mails_failed: 0,
  /** Scripts and mails that were never tried, for want of room or of time. */
  dropped: 0
})

export type NotifyCounters = ReturnType<typeof noNotifyCounters>

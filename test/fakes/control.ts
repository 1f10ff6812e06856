import type { Control } from '../../src/admin/status.js'
import { status } from './status.js'

/** A daemon of which nothing comes. */
export const fakeControl = (overrides: Partial<Control> = {}): Control => ({
  status: async () => status(),
  reload: async () => ({ verdict: 'unchanged', problems: [], applied: [], changes: [] }),
  preview: async () => ({ verdict: 'unchanged', problems: [], applied: [], changes: [] }),
  events: () => [],
  orderServer: () => ({ ok: false, error: 'no' }),
  failover: () => ({ ok: false, error: 'no' }),
  handOver: async () => ({ ok: false, error: 'no' }),
  sessions: async () => ({ ok: true, sessions: [], total: 0 }),
  killSessions: async () => ({ ok: true, ended: 0, unknown: [] }),
  ...overrides
})

/** How often a property is tried: in tests so many times, in `npm run test:fuzz:js` for so long. */

const seconds = Number(process.env['VIPD_FUZZ_SECONDS'] ?? 0)

/** For fast-check's `assert`. @param count in an ordinary test */
export const runs = (count: number): { numRuns: number; interruptAfterTimeLimit?: number } =>
  seconds > 0 ? { numRuns: Number.MAX_SAFE_INTEGER, interruptAfterTimeLimit: seconds * 1000 } : { numRuns: count }

/** For a file's `t.setTimeout`. @param ms in an ordinary test */
export const patience = (ms: number): number => (seconds > 0 ? 24 * 3600 * 1000 : ms)

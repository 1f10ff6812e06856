import type { Clock, Timer } from '../base/clock.js'
import type { NativeAdvertSender } from '../os/addon.js'

/** The main loop shows itself this often, … */
const BEAT_MS = 100
/** … and adverts leave on time for this long after it did: longer than a garbage collection, far shorter than the lease. */
export const PROOF_MS = 1000

/** Proves to the thread that sends adverts that the main loop lives, as long as the data plane does too. */
export function startHeart(
  clock: Clock,
  sender: Pick<NativeAdvertSender, 'prove'> | null,
  isPlaneAlive: () => boolean
): Timer {
  const beat = (): void => {
    if (isPlaneAlive()) sender?.prove(clock.now() + PROOF_MS)
  }
  beat()
  return clock.every(BEAT_MS, beat)
}

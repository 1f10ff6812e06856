import { crowdKinds } from './crowds.js'
import type { Kind } from './kind.js'
import { networkKinds } from './network.js'
import { processKinds } from './process.js'
import { resourceKinds } from './resources.js'

/** Everything that can go wrong with a master here. */
export const kinds: readonly Kind[] = [...processKinds, ...networkKinds, ...resourceKinds, ...crowdKinds]

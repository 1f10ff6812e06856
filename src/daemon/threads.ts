import { availableParallelism } from 'node:os'

/** Worker threads of the data plane where the configuration names no number: one for each core. */
export const defaultThreads = (): number => Math.min(64, availableParallelism())

import type { Config } from '../config/schema.js'
import { addon } from '../os/addon.js'
import { run } from '../os/exec.js'
import { checks } from './checks.js'
import type { Blind } from './facts.js'
import { examine, type Finding } from './finding.js'
import { type DoctorPorts, gather } from './gather.js'
import { Files } from './look/files.js'
import { openFilesOfService } from './look/limits.js'

export interface Diagnosis {
  /** Names of all that was looked at. */
  readonly checks: readonly string[]
  readonly findings: readonly Finding[]
  readonly blind: readonly Blind[]
}

/** How many files the service may have open on this host. @param pid of the daemon that runs */
export const openFiles = (pid: number | undefined): Promise<number | undefined> => openFilesOfService(new Files(), pid)

/** Looks at this host with the eyes of a configuration. Rejects when the addon was not built. */
export async function diagnose(
  config: Config,
  options: Pick<DoctorPorts, 'listenMs' | 'ownPid' | 'shortage'>
): Promise<Diagnosis> {
  const ports = { ...options, addon: addon(), files: new Files(), run, nowMs: Date.now }
  const facts = await gather(config, ports)
  return { checks: checks.map(({ name }) => name), findings: examine(facts, checks), blind: facts.blind }
}

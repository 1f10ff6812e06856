import type { Prefix } from '../base/ip.js'
import type { Config } from '../config/schema.js'

/** What the doctor knows of this host. What could not be looked at is empty, and named in `blind`. */
export interface Facts {
  readonly config: Config
  /** Wall time in milliseconds. */
  readonly nowMs: number
  readonly links: readonly LinkFacts[]
  /** 'net/ipv4/conf/eth0/rp_filter' → '1' */
  readonly sysctl: ReadonlyMap<string, string>
  readonly missingCapabilities: readonly string[]
  /** Sessions wanted against descriptors that there may be, as a sentence; undefined: they suffice. */
  readonly shortage: string | undefined
  readonly listeners: readonly ListenerFacts[]
  readonly incumbents: readonly IncumbentFacts[]
  readonly networkd: ManagerFacts
  readonly networkManager: ManagerFacts
  readonly firewall: readonly FirewallChain[]
  readonly kubelet: { readonly nodeIp: string | undefined } | undefined
  /** Flags of the apiserver's static pod: 'goaway-chance' → '0.001'; undefined: there is no manifest. */
  readonly apiserver: ReadonlyMap<string, string> | undefined
  /** An etcd member runs here as a static pod: as many members as masters. */
  readonly hasEtcd: boolean
  readonly servers: readonly ServerFacts[]
  readonly heard: readonly HeardAdvert[]
  /** Who answered when the link was asked for an address of ours. */
  readonly answers: readonly { readonly address: string; readonly mac: string }[]
  readonly blind: readonly Blind[]
}

/** What could not be looked at, and why. */
export interface Blind {
  readonly what: string
  readonly why: string
}

export interface LinkFacts {
  readonly name: string
  readonly isUp: boolean
  readonly mtu: number
  readonly addresses: readonly Prefix[]
  /** Where it is, or is part of, a bridge. */
  readonly bridge: { readonly snooping: boolean; readonly querier: boolean } | undefined
}

export interface ListenerFacts {
  readonly host: string
  readonly port: number
  /** Name of the program, where it may be seen. */
  readonly program: string | undefined
}

export interface IncumbentFacts {
  readonly name: 'keepalived' | 'haproxy'
  /** Processes of this name, in this network namespace. */
  readonly pids: readonly number[]
  readonly isEnabled: boolean
}

/** Something that manages addresses: whether it does, and whether it was told to leave others' alone, by interface. */
export interface ManagerFacts {
  readonly isActive: boolean
  readonly flushes: ReadonlySet<string>
}

/** A base chain of the input hook. */
export interface FirewallChain {
  readonly name: string
  readonly drops: boolean
  readonly rules: readonly FirewallRule[]
}

/** What a rule says of what matters here; undefined: any. Rules with other conditions are there as `isPartial`. */
export interface FirewallRule {
  readonly verdict: 'accept' | 'drop'
  readonly protocol: number | undefined
  readonly ports: readonly (readonly [number, number])[] | undefined
  readonly isPartial: boolean
  readonly packets: number | undefined
}

export interface ServerFacts {
  /** HOST:PORT */
  readonly address: string
  readonly certificate: { readonly names: readonly string[]; readonly notAfterMs: number } | undefined
  /** Its clock less ours, by the Date of its answer: whole seconds. */
  readonly skewMs: number | undefined
  /** Of the check's own request. */
  readonly status: number | undefined
  readonly problem: string | undefined
}

export interface HeardAdvert {
  readonly interface: string
  readonly source: string
  readonly version: 2 | 3
  readonly vrid: number
  readonly priority: number
  readonly advertIntMs: number
  readonly addresses: readonly string[]
  /** Version 2: the type of authentication, and the eight bytes of it. */
  readonly authType: number
  readonly authData: string
}

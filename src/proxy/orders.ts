/** What an operator may ask of a server while vipd runs: haproxy's `set server … state` and `… weight`. */
export type ServerOrder =
  /** ready: as configured and checked; drain: no new connections, old ones go on; maint: the same, unchecked, old ones closed. */
  | { readonly kind: 'state'; readonly state: 'ready' | 'drain' | 'maint' }
  /** 0 to 256, in place of the configured one until the next start or a reload that changes the configured one. */
  | { readonly kind: 'weight'; readonly weight: number }

/** Options that several commands share. */
export const configOption = {
  alias: 'c',
  type: 'string',
  demandOption: true,
  requiresArg: true,
  describe: 'Configuration file (YAML)'
} as const

/** Where there is a configuration it says where the socket is. */
export const ownSocketOption = {
  type: 'string',
  requiresArg: true,
  describe: 'Admin socket of the daemon, if it is not the configuration’s'
} as const

export const socketOption = {
  type: 'string',
  default: '/run/vipd/vipd.sock',
  requiresArg: true,
  describe: 'Admin socket of the daemon'
} as const

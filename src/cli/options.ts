/** Options that several commands share. */
export const configOption = {
  alias: 'c',
  type: 'string',
  demandOption: true,
  requiresArg: true,
  describe: 'Configuration file (YAML)'
} as const

export const socketOption = {
  type: 'string',
  default: '/run/vipd/vipd.sock',
  requiresArg: true,
  describe: 'Admin socket of the daemon'
} as const

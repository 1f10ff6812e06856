import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'

/** What a kubeconfig says of how to ask. Never printed: it holds secrets. */
export interface Access {
  /** `https://HOST:PORT` of the cluster, as the file has it. */
  readonly server: string
  readonly user: string
  readonly ca?: Buffer
  /** The certificate is not looked at, since the file says so. */
  readonly isInsecure: boolean
  readonly serverName?: string
  readonly token?: string
  readonly cert?: Buffer
  readonly key?: Buffer
}

const text = z.string()
const file = z.object({
  'current-context': text.optional(),
  clusters: z.array(
    z.object({
      name: text,
      cluster: z.object({
        server: text,
        'certificate-authority': text.optional(),
        'certificate-authority-data': text.optional(),
        'insecure-skip-tls-verify': z.boolean().optional(),
        'tls-server-name': text.optional()
      })
    })
  ),
  contexts: z.array(z.object({ name: text, context: z.object({ cluster: text, user: text }) })),
  users: z.array(
    z.object({
      name: text,
      user: z.object({
        token: text.optional(),
        tokenFile: text.optional(),
        'client-certificate': text.optional(),
        'client-certificate-data': text.optional(),
        'client-key': text.optional(),
        'client-key-data': text.optional(),
        exec: z.unknown().optional(),
        'auth-provider': z.unknown().optional(),
        username: text.optional()
      })
    })
  )
})

export type Read = { readonly ok: true; readonly access: Access } | { readonly ok: false; readonly problem: string }

/** @param context another than the current one */
export function readKubeconfig(path: string, context?: string): Read {
  let content: string
  try {
    content = readFileSync(path, 'utf8')
  } catch (error) {
    return { ok: false, problem: `${path}: cannot be read: ${words(error)}` }
  }
  try {
    return decodeKubeconfig(content, path, context)
  } catch (error) {
    return { ok: false, problem: `${path}: ${words(error)}` }
  }
}

/** @param path for messages, and for the files that it names relative to itself */
export function decodeKubeconfig(content: string, path: string, wanted?: string): Read {
  const problem = (what: string): Read => ({ ok: false, problem: `${path}: ${what}` })
  const parsed = file.safeParse(parse(content))
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    return problem(`is no kubeconfig: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`)
  }
  const { clusters, contexts, users } = parsed.data
  const name = wanted ?? parsed.data['current-context'] ?? ''
  const context = contexts.find((one) => one.name === name)?.context
  if (context === undefined)
    return problem(`has no context “${name}”; it has: ${contexts.map((one) => one.name).join(', ')}`)
  const cluster = clusters.find((one) => one.name === context.cluster)?.cluster
  const user = users.find((one) => one.name === context.user)?.user
  if (cluster === undefined) return problem(`context “${name}” names a cluster that is not there: ${context.cluster}`)
  if (user === undefined) return problem(`context “${name}” names a user that is not there: ${context.user}`)
  if (user.exec !== undefined || user['auth-provider'] !== undefined)
    return problem(
      `user “${context.user}” is got by a program (exec, auth-provider), which is not run here: use a token or a certificate`
    )
  if (user.username !== undefined)
    return problem(`user “${context.user}” has a password: apiservers take none since 1.19`)
  if (!cluster.server.startsWith('https://')) return problem(`its server is not https: ${cluster.server}`)
  const at = (one: string): Buffer => readFileSync(resolve(dirname(path), one))
  const either = (data: string | undefined, where: string | undefined): Buffer | undefined =>
    data !== undefined ? Buffer.from(data, 'base64') : where === undefined ? undefined : at(where)
  const ca = either(cluster['certificate-authority-data'], cluster['certificate-authority'])
  const cert = either(user['client-certificate-data'], user['client-certificate'])
  const key = either(user['client-key-data'], user['client-key'])
  const token = user.token ?? (user.tokenFile === undefined ? undefined : at(user.tokenFile).toString().trim())
  const serverName = cluster['tls-server-name']
  return {
    ok: true,
    access: {
      server: cluster.server,
      user: context.user,
      isInsecure: cluster['insecure-skip-tls-verify'] ?? false,
      ...(ca !== undefined && { ca }),
      ...(serverName !== undefined && { serverName }),
      ...(token !== undefined && { token }),
      ...(cert !== undefined && { cert }),
      ...(key !== undefined && { key })
    }
  }
}

const words = (error: unknown): string => (error instanceof Error ? error.message : String(error))

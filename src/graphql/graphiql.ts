import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Worker } from 'node:worker_threads'
import { createGunzip } from 'node:zlib'
import { encodeGlobalID } from '@pothos/plugin-relay'
import type { GroupId } from '../ids.ts'
import type { Page, PageOptions } from './graphiql/render.ts'

export interface GraphiqlOptions {
  readonly endpoint: string
  /** What the tabs are prefilled with, where there are demo people. */
  readonly demo: Demo | null
}

export interface Demo {
  readonly password: string
  /** The group in which the tabs talk; null: the visitor says which. */
  readonly groupId: () => Promise<GroupId | null>
}

/** Serves GraphiQL from this machine alone: rendered and compressed once, at the first visit, and again only when the demo group is another. */
export function createGraphiql({ endpoint, demo }: GraphiqlOptions) {
  let current: { readonly groupId: string | null; readonly page: Promise<Page> } | undefined

  async function pageOfToday(): Promise<Page> {
    const id = demo && (await demo.groupId())
    const groupId = id === null ? null : encodeGlobalID('Group', id)
    if (current?.groupId !== groupId) {
      const page = render({ endpoint, demoPassword: demo && demo.password, demoGroupId: groupId })
      const made = { groupId, page }
      current = made
      // The next visitor tries again.
      page.catch(() => {
        if (current === made) current = undefined
      })
    }
    return current.page
  }

  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { gzipped, etag, contentSecurityPolicy } = await pageOfToday()
    const headers = { etag, 'cache-control': 'no-cache', vary: 'accept, accept-encoding' }
    if (request.headers['if-none-match'] === etag) {
      response.writeHead(304, headers).end()
      return
    }
    const zipped = /\bgzip\b/.test(String(request.headers['accept-encoding']))
    response.writeHead(200, {
      ...headers,
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': contentSecurityPolicy,
      'x-frame-options': 'DENY',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'same-origin',
      ...(zipped ? { 'content-encoding': 'gzip' } : {}),
    })
    if (zipped) return void response.end(gzipped)
    const gunzip = createGunzip()
    gunzip.pipe(response)
    gunzip.end(gzipped)
  }
}

async function render(options: PageOptions): Promise<Page> {
  const worker = new Worker(new URL('./graphiql/render.ts', import.meta.url), { workerData: options })
  const [page] = (await once(worker, 'message')) as [Page]
  return page
}

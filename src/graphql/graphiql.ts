import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { renderGraphiQL } from '@graphql-yoga/render-graphiql'

/** Serves GraphiQL from this machine alone: rendered and compressed once, at the first visit. */
export function createGraphiql(options: { readonly endpoint: string; readonly demo: boolean }) {
  let page: Promise<{ body: Buffer; etag: string }> | undefined

  async function render() {
    const html = renderGraphiQL({ title: 'NEDA', endpoint: options.endpoint, subscriptionsProtocol: 'SSE', shouldPersistHeaders: false })
    const body = await promisify(gzip)(html)
    return { body, etag: `"${createHash('sha256').update(body).digest('base64url')}"` }
  }

  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    page ??= render()
    const { body, etag } = await page
    if (request.headers['if-none-match'] === etag) {
      response.writeHead(304, { etag }).end()
      return
    }
    response
      .writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'content-encoding': 'gzip', 'cache-control': 'no-cache', etag })
      .end(body)
  }
}

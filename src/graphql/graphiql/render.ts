/** Runs as a worker, because the parts of GraphiQL are 9 MB: they are gone again when the page is made. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { gzipSync } from 'node:zlib'
import { css, editorWorkerService, graphqlWorker, js, jsonWorker } from '@graphql-yoga/render-graphiql/graphiql'
import type { GraphiQLOptions } from 'graphql-yoga'
import { walk } from './tabs.ts'

export interface PageOptions {
  readonly endpoint: string
  readonly demoPassword: string | null
  readonly demoGroupId: string | null
}

export interface Page {
  readonly gzipped: Uint8Array<ArrayBuffer>
  readonly etag: string
  readonly contentSecurityPolicy: string
}

const text = (file: URL) => readFileSync(file, 'utf8')
const sha256 = (data: string | Uint8Array) => createHash('sha256').update(data)
const scriptHash = (script: string) => `'sha256-${sha256(script).digest('base64')}'`
/** Text that ends no script element, whatever it holds. */
const embedded = (value: object) => JSON.stringify(value).replaceAll('<', '\\u003c')

function render({ endpoint, demoPassword, demoGroupId }: PageOptions): Page {
  const mark = text(new URL('./mark.svg', import.meta.url))
  const graphiql: GraphiQLOptions & { showPersistHeadersSettings: boolean } = {
    endpoint,
    title: 'NEDA',
    logo: mark,
    // With SSE the Headers editor and the sign-in count for subscriptions too, which they do not over a WebSocket.
    subscriptionsProtocol: 'SSE',
    method: 'POST',
    defaultTabs: walk({ password: demoPassword, groupId: demoGroupId }),
    shouldPersistHeaders: false,
    showPersistHeadersSettings: false,
  }
  const workers = { editorWorkerService, json: jsonWorker, graphql: graphqlWorker }
  const config = embedded({ graphiql, demoGroupId, workers })
  const own = `(() => {
'use strict'
const config = JSON.parse(document.getElementById('config').textContent)
${text(new URL('./session.js', import.meta.url))}
${text(new URL('./start.js', import.meta.url))}})()`
  const html = page({ mark, config, own, endpoint })
  const gzipped = new Uint8Array(gzipSync(html, { level: 9 }))
  const etag = `W/"${sha256(gzipped).digest('base64url')}"`
  return { gzipped, etag, contentSecurityPolicy: contentSecurityPolicy([own, js]) }
}

const page = ({ mark, config, own, endpoint }: { mark: string; config: string; own: string; endpoint: string }) => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>NEDA</title>
<link rel="icon" href="data:image/svg+xml,${encodeURIComponent(mark)}">
<style>${css}</style>
<style>${text(new URL('./page.css', import.meta.url))}</style>
</head>
<body class="no-focus-outline">
<noscript>GraphiQL needs JavaScript.</noscript>
<div id="root"></div>
<footer id="session" class="graphiql-container">
<span role="status"></span><button type="button" hidden>sign out</button><a href="${endpoint}" target="_blank" rel="noopener">open a second window</a>
</footer>
<script type="application/json" id="config">${config}</script>
<script>${own}</script>
<script>${js}</script>
</body>
</html>
`

/** Runs these scripts only, and talks to nobody but us. Monaco writes styles into the page, hence 'unsafe-inline' for those. */
const contentSecurityPolicy = (scripts: readonly string[]) =>
  [
    "default-src 'none'",
    `script-src ${scripts.map(scriptHash).join(' ')}`,
    "style-src 'unsafe-inline'",
    'worker-src blob:',
    "connect-src 'self'",
    'font-src data:',
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ')

const made = render(workerData as PageOptions)
parentPort?.postMessage(made, [made.gzipped.buffer])

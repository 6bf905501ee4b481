// Starts GraphiQL when its code, which follows, has been read. A visitor's tabs are kept in the browser: apart from other GraphiQLs at this
// address, and without secrets.
const SECRET = /password|token|totp|headers|deviceCode|recoveryCode|otpauth/i
const LITERAL_SECRET = /((?:password|token|totp|deviceCode)\w*\s*:\s*")[^"\n]+/gi
const KNOWN = new Set(config.graphiql.defaultTabs.flatMap(({ variables }) => JSON.parse(variables).password ?? []))
const OF_THE_ACTIVE_TAB = { 'graphiql:query': 'query', 'graphiql:variables': 'variables' }

addEventListener('DOMContentLoaded', () => {
  followDemoGroup()
  // Ids are longer than the panes are wide.
  monaco.editor.onDidCreateEditor((editor) => editor.updateOptions({ wordWrap: 'on' }))
  YogaGraphiQL.renderYogaGraphiQL(document.getElementById('root'), {
    ...config.graphiql,
    storage,
    // Else every letter typed goes into the address, which servers and proxies log, and refuse when it is long.
    onEditQuery: () => {},
  })
})

const blobUrl = (code) => URL.createObjectURL(new Blob([code], { type: 'text/javascript' }))
const workers = Object.fromEntries(Object.entries(config.workers).map(([label, code]) => [label, blobUrl(code)]))
window.MonacoEnvironment = { globalAPI: true, getWorkerUrl: (_moduleId, label) => workers[label] }

const named = (key) => key.replace(/^graphiql:/, 'neda:')
const storage = {
  get length() {
    return localStorage.length
  },
  // GraphiQL keeps these two apart from the tabs, and opens one tab more when another window has changed them.
  getItem: (key) => (key in OF_THE_ACTIVE_TAB ? activeTab()[OF_THE_ACTIVE_TAB[key]] : localStorage.getItem(named(key))),
  setItem: (key, value) => key in OF_THE_ACTIVE_TAB || localStorage.setItem(named(key), withoutSecrets(value)),
  removeItem: (key) => localStorage.removeItem(named(key)),
  clear: () => {
    for (const key of Object.keys(localStorage)) if (key.startsWith('neda:')) localStorage.removeItem(key)
  },
}

function activeTab() {
  const { tabs, activeTabIndex } = JSON.parse(storage.getItem('graphiql:tabState') ?? '{}')
  return tabs?.[activeTabIndex] ?? config.graphiql.defaultTabs[0]
}

function withoutSecrets(text) {
  try {
    return JSON.stringify(JSON.parse(text, withoutSecret), null, 2)
  } catch {
    return SECRET.test(text) ? '' : text
  }
}

/** Of all passwords those are kept that the tabs came with: everybody knows them. */
function withoutSecret(key, value) {
  if (typeof value !== 'string') return value
  if (SECRET.test(key)) return KNOWN.has(value) ? value : ''
  return key === 'variables' ? withoutSecrets(value) : value.replace(LITERAL_SECRET, '$1')
}

/** Who threw the database away has another demo group: the tabs follow. */
function followDemoGroup() {
  const former = localStorage.getItem('neda:demoGroupId')
  const tabs = localStorage.getItem('neda:tabState')
  if (!config.demoGroupId) return
  if (former && tabs) localStorage.setItem('neda:tabState', tabs.replaceAll(former, config.demoGroupId))
  localStorage.setItem('neda:demoGroupId', config.demoGroupId)
}

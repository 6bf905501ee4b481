import { join } from 'node:path'
import type { Browser, BrowserContext } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DEMO_PASSWORD } from '../../src/domains/auth/password-login.ts'
import { GroupsDocument } from '../generated/operations.ts'
import { signIn } from '../support/client.ts'
import { type Neda, startNeda } from '../support/start-neda.ts'
import { press, release } from '../support/talk.ts'
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts'
import { startChromium } from './chromium.ts'
import { GraphiqlWindow } from './graphiql-window.ts'

const WALK = ['SignIn', 'MyGroups', 'CreateUser', 'AddGroupMember', 'Listen', 'SignInAsMember', 'Press']
/** Pictures of each step, to look at: SCREENSHOTS=<folder>. Else they go with the temporary folder. */
const { SCREENSHOTS } = process.env

let browser: Browser
let folder: TemporaryFolder
let neda: Neda

beforeAll(async () => {
  browser = await startChromium()
  folder = await temporaryFolder()
  neda = await startNeda({ NEDA_DATA_DIR: join(folder.path, 'data') })
})

afterAll(async () => {
  await browser?.close()
  await neda?.[Symbol.asyncDispose]()
  await folder?.[Symbol.asyncDispose]()
})

/** A browser that has never been here. */
async function visitor(): Promise<BrowserContext & AsyncDisposable> {
  return browser.newContext({ viewport: { width: 1280, height: 900 }, colorScheme: 'light' })
}

const picture = (window: GraphiqlWindow, name: string) => window.page.screenshot({ path: join(SCREENSHOTS ?? folder.path, `${name}.png`) })

test('a newcomer walks from the first sign-in to a live burst, with one paste', async () => {
  await using context = await visitor()
  const first = await GraphiqlWindow.open(context, neda.url)
  expect(await first.tabs()).toEqual(WALK)
  await first.says('Not signed in')
  await picture(first, '1-opened')

  await first.run()
  await first.shows('"accessToken"')
  await first.says('Signed in as admin')
  await picture(first, '2-signed-in')

  await first.openTab('MyGroups')
  await first.run()
  const groups = await first.shows('"Night watch"')
  expect(groups).toContain('"Maya (manager)"')
  expect(groups).toContain('"ben"')
  expect(groups).toContain('"IDLE"')
  await picture(first, '3-groups')

  await first.openTab('CreateUser')
  await first.play()
  const created = await first.shows('"dora"')
  expect(created).toContain('"userErrors": []')
  await picture(first, '4-created')

  await first.openTab('AddGroupMember')
  await first.fillVariable('userId', /"id":"([^"]+)"/.exec(created.replaceAll(/\s/g, ''))?.[1] ?? '')
  await first.play()
  expect(await first.shows('"Dora"')).toContain('"canTalk": true')
  await picture(first, '5-added')

  await first.openTab('Listen')
  await first.play()
  expect(await first.shows('"SNAPSHOT"')).toContain('"IDLE"')
  await picture(first, '6-listening')

  const second = await first.openSecond()
  await second.says('Not signed in')
  expect(await second.tabs()).toEqual(WALK)
  await second.openTab('SignInAsMember')
  await second.run()
  await second.says('Signed in as ben')
  await first.says('Signed in as admin')

  await second.openTab('Press')
  await picture(second, '7-about-to-press')
  await second.play('Press')
  expect(await second.shows('"GRANTED"')).toContain('"Ben"')
  const heard = await first.shows('"TAKEN"')
  expect(heard).toContain('"Ben"')
  await picture(second, '8-pressed')
  await picture(first, '9-heard')

  await second.play('Release')
  await second.shows('"released": true')
  expect(await first.shows('"RELEASED"')).toContain('"IDLE"')
  await picture(second, '10-released')
  await picture(first, '11-silence')

  for (const { complaints, origins } of [first, second]) {
    expect(complaints).toEqual([])
    expect([...origins]).toEqual([neda.url])
  }
})

test('Ctrl-Enter in the last tab presses', async () => {
  await using context = await visitor()
  const window = await GraphiqlWindow.open(context, neda.url)
  await window.openTab('SignInAsMember')
  await window.run()
  await window.says('Signed in as ben')
  await window.openTab('Press')
  await window.run()
  await window.shows('"GRANTED"')
})

describe('the sign-in of a window', () => {
  test('gives way to the Headers editor, and ends with sign out', async () => {
    await using context = await visitor()
    const cleo = await signIn(neda.url, 'cleo', DEMO_PASSWORD)
    const window = await GraphiqlWindow.open(context, neda.url)
    await window.run()
    await window.says('Signed in as admin')

    await window.openTab('CreateUser')
    await window.writeHeaders(`{"authorization": "Bearer ${cleo.accessToken}"}`)
    await window.play()
    await window.shows('"FORBIDDEN"')
    await window.says('Signed in as admin')
    await picture(window, '12-headers')

    await window.openTab('MyGroups')
    await window.run()
    await window.shows('"Night watch"')
    await window.signOut()
    await window.says('Not signed in')
    await window.run()
    await window.shows('"UNAUTHENTICATED"')
    await picture(window, '13-signed-out')
  })

  test('is not needed to subscribe with the token of the Headers editor', async () => {
    await using context = await visitor()
    const [ben, cleo] = await Promise.all([signIn(neda.url, 'ben', DEMO_PASSWORD), signIn(neda.url, 'cleo', DEMO_PASSWORD)])
    const window = await GraphiqlWindow.open(context, neda.url)
    const { groups } = await ben.get(GroupsDocument, {})
    const groupId = groups.edges[0]?.node.id ?? ''
    await window.openTab('Listen')
    await window.play()
    await window.shows('"UNAUTHENTICATED"')
    await window.writeHeaders(`{"authorization": "Bearer ${cleo.accessToken}"}`)
    await window.play()
    await window.shows('"SNAPSHOT"')
    expect((await press(ben, groupId, 'from-elsewhere')).outcome).toBe('GRANTED')
    expect(await window.shows('"TAKEN"')).toContain('"Ben"')
    await release(ben, groupId, 'from-elsewhere')
    expect(await window.shows('"RELEASED"')).toContain('"IDLE"')
    await window.says('Not signed in')
    expect(window.complaints).toEqual([])
    await picture(window, '15-headers-subscribed')
  })

  test('outlives a reload, and says so when it has ended', async () => {
    await using context = await visitor()
    const window = await GraphiqlWindow.open(context, neda.url)
    await window.run()
    await window.says('Signed in as admin')
    await window.reload()
    await window.says('Signed in as admin')

    await window.page.evaluate("sessionStorage.setItem('neda:accessToken', 'one of yesterday')")
    await window.openTab('MyGroups')
    await window.run()
    await window.says('The sign-in has ended: sign in again.')
  })
})

describe('what the browser keeps', () => {
  test("the visitor's own tabs, also when two windows changed them", async () => {
    await using context = await visitor()
    const first = await GraphiqlWindow.open(context, neda.url)
    await first.openTab('AddGroupMember')
    await first.fillVariable('userId', 'mine')
    const second = await first.openSecond()
    await second.openTab('Press')
    await second.run()
    await first.fillVariable('userId', 'still ')
    // GraphiQL writes half a second after the last letter.
    await first.page.waitForTimeout(1_500)
    for (const window of [first, second]) {
      await window.reload()
      expect(await window.tabs()).toEqual(WALK)
      await window.openTab('AddGroupMember')
      expect(await window.variables()).toContain('mine')
    }
  })

  test('no token, and no password but the one that everybody knows', async () => {
    await using context = await visitor()
    const cleo = await signIn(neda.url, 'cleo', DEMO_PASSWORD)
    const window = await GraphiqlWindow.open(context, neda.url)
    await window.run()
    await window.says('Signed in as admin')
    await window.openTab('CreateUser')
    await window.fillVariable('password', '-of-my-own')
    await window.writeHeaders(`{"authorization": "Bearer ${cleo.accessToken}"}`)
    await window.play()
    await window.shows('"FORBIDDEN"')
    await window.page.waitForTimeout(1_500)

    const kept = await window.kept()
    expect(kept).toContain('CreateUser')
    expect(kept).toContain(DEMO_PASSWORD)
    expect(kept).not.toContain('-of-my-own')
    expect(kept).not.toContain('eyJ')
  })

  test('the demo group of today, when the database was thrown away', async () => {
    await using context = await visitor()
    const window = await GraphiqlWindow.open(context, neda.url)
    await window.openTab('Press')
    const today = await window.variables()
    await window.page.waitForTimeout(1_500)
    await window.page.evaluate(`
      const today = localStorage.getItem('neda:demoGroupId')
      localStorage.setItem('neda:tabState', localStorage.getItem('neda:tabState').replaceAll(today, 'yesterday'))
      localStorage.setItem('neda:demoGroupId', 'yesterday')`)
    await window.reload()
    expect(await window.variables()).toBe(today)
  })
})

const get = (headers: Record<string, string> = {}) => fetch(`${neda.url}/graphql`, { headers: { accept: 'text/html', ...headers } })

describe('the page', () => {
  test('is sent once, and then only when it has changed', async () => {
    const page = await get()
    const etag = page.headers.get('etag') ?? ''
    expect(page.headers.get('content-encoding')).toBe('gzip')
    expect((await get({ 'if-none-match': etag })).status).toBe(304)
  })

  test('is readable to who does not know gzip', async () => {
    const page = await get({ 'accept-encoding': 'identity' })
    expect(page.headers.get('content-encoding')).toBeNull()
    expect(await page.text()).toMatch(/^<!doctype html>[^]*<\/html>\n$/)
  })

  test('knows no password outside of the demo', async () => {
    await using production = await startNeda({
      NEDA_DATA_DIR: join(folder.path, 'production'),
      NODE_ENV: 'production',
      NEDA_EMBEDDED: 'allowed',
      GRAPHIQL: 'on',
    })
    await using context = await visitor()
    expect(await (await get()).text()).toContain(DEMO_PASSWORD)
    expect(await (await fetch(`${production.url}/graphql`, { headers: { accept: 'text/html' } })).text()).not.toContain(DEMO_PASSWORD)
    const window = await GraphiqlWindow.open(context, production.url)
    expect(await window.tabs()).toEqual(WALK)
    expect(await window.variables()).toContain('"password": ""')
    await picture(window, '14-production')
  })

  test('runs its own scripts only, and is framed by nobody', async () => {
    const { headers } = await get()
    const policy = headers.get('content-security-policy') ?? ''
    expect(policy).toContain("default-src 'none'")
    expect(policy).toMatch(/script-src 'sha256-\S+' 'sha256-\S+';/)
    expect(policy).toContain("frame-ancestors 'none'")
    expect(headers.get('x-frame-options')).toBe('DENY')
    expect(headers.get('x-content-type-options')).toBe('nosniff')
  })
})

import type { BrowserContext, Locator, Page } from 'playwright-core'

/** One window with GraphiQL, used by mouse and keyboard as a visitor does. */
export class GraphiqlWindow {
  readonly page: Page
  /** What the console called an error. */
  readonly complaints: string[] = []
  /** Where requests went. */
  readonly origins = new Set<string>()

  constructor(page: Page) {
    this.page = page
    page.on('console', (message) => message.type() === 'error' && this.complaints.push(message.text()))
    page.on('pageerror', (error) => this.complaints.push(error.message))
    page.on('request', (request) => this.origins.add(new URL(request.url()).origin))
  }

  static async open(context: BrowserContext, url: string): Promise<GraphiqlWindow> {
    const window = new GraphiqlWindow(await context.newPage())
    await window.page.goto(`${url}/graphql`)
    await window.ready()
    return window
  }

  /** By the link at the bottom. */
  async openSecond(): Promise<GraphiqlWindow> {
    const opened = this.page.context().waitForEvent('page')
    await this.page.getByRole('link', { name: 'open a second window' }).click()
    const window = new GraphiqlWindow(await opened)
    await window.ready()
    return window
  }

  async reload(): Promise<void> {
    await this.page.reload()
    await this.ready()
  }

  async ready(): Promise<void> {
    await this.page.locator('.graphiql-query-editor .view-line').first().waitFor()
  }

  tabs(): Promise<string[]> {
    return this.page.getByRole('tab').allInnerTexts()
  }

  async openTab(name: string): Promise<void> {
    await this.page.getByRole('tablist').getByRole('button', { name, exact: true }).click()
    await this.#query.getByText(name).first().waitFor()
    // GraphiQL reads the operation's name a moment later; a hand takes longer to find the play button.
    await this.page.waitForTimeout(500)
  }

  /** By the keyboard. */
  async run(): Promise<void> {
    await this.#query.click({ position: { x: 200, y: 50 } })
    await this.page.keyboard.press('Control+Enter')
  }

  /** By the play button, which asks which one when a tab has several. */
  async play(operation?: string): Promise<void> {
    await this.page.locator('.graphiql-execute-button').click()
    if (operation) await this.page.getByRole('menuitem', { name: operation, exact: true }).click()
  }

  /** Types between the empty quotes of a variable. */
  async fillVariable(name: string, value: string): Promise<void> {
    const line = this.page.locator('.graphiql-editor-tool .view-line:visible', { hasText: `"${name}"` })
    await line.click()
    await this.page.keyboard.press('End')
    await this.page.keyboard.press('ArrowLeft')
    if ((await line.innerText()).trimEnd().endsWith(',')) await this.page.keyboard.press('ArrowLeft')
    await this.page.keyboard.insertText(value)
  }

  async writeHeaders(text: string): Promise<void> {
    await this.page.getByRole('button', { name: 'Headers' }).click()
    await this.page.locator('.graphiql-editor-tool .monaco-editor:visible').click()
    await this.page.keyboard.insertText(text)
  }

  /** What the response pane shows, once it shows this. */
  async shows(text: string | RegExp): Promise<string> {
    await this.#response
      .filter({ hasText: text })
      .waitFor({ timeout: 10_000 })
      .catch(async (cause: unknown) => {
        throw new Error(`expected ${text} in the response pane, which shows: ${readable(await this.#response.innerText())}`, { cause })
      })
    return readable(await this.#response.innerText())
  }

  async variables(): Promise<string> {
    return readable(await this.page.locator('.graphiql-editor-tool .view-lines:visible').innerText())
  }

  async says(text: string): Promise<void> {
    await this.page.locator('#session', { hasText: text }).waitFor()
  }

  async signOut(): Promise<void> {
    await this.page.getByRole('button', { name: 'sign out' }).click()
  }

  /** All that this browser keeps when its windows are closed. */
  kept(): Promise<string> {
    return this.page.evaluate('JSON.stringify(localStorage)')
  }

  get #query(): Locator {
    return this.page.locator('.graphiql-query-editor .view-lines')
  }

  get #response(): Locator {
    return this.page.locator('.graphiql-response .view-lines')
  }
}

/** Monaco writes its spaces as no-break spaces. */
const readable = (text: string) => text.replaceAll('\u00a0', ' ')

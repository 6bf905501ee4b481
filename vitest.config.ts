import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: 'test/support/before-all.ts',
    // Node's own loader, as in production: with Vite's, graphql would be loaded twice.
    experimental: { viteModuleRunner: false },
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // What is waited for comes late on a busy machine, and that is no failure.
    expect: { poll: { timeout: 15_000 } },
    // Much of a story is waiting: three files at once keep two cores busy; more only make each other slow.
    maxWorkers: 3,
    // One process after the other reads the same sources: a file of tests cleans up after itself.
    isolate: false,
  },
})

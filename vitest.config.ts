import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: 'test/support/before-all.ts',
    // Node's own loader, as in production: with Vite's, graphql would be loaded twice.
    experimental: { viteModuleRunner: false },
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Two story files at once keep the machine busy enough; more only make each other slow.
    maxWorkers: 2,
  },
})

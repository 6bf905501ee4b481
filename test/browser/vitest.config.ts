import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/{browser,sdk}/*.browser.ts'],
    experimental: { viteModuleRunner: false },
    testTimeout: 120_000,
    hookTimeout: 60_000,
  },
})

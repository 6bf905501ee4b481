import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/clients/*.kotlin.ts'],
    experimental: { viteModuleRunner: false },
    // Maven fetches two compilers when it runs for the first time.
    testTimeout: 600_000,
    hookTimeout: 60_000,
  },
})

import { defineConfig } from 'prisma/config'

/** For the ordinary Prisma CLI (studio, migrate status, …). NEDA itself applies its migrations at start. */
export default defineConfig({
  schema: 'prisma/schema.prisma',
  migrations: { path: 'prisma/migrations' },
  ...(process.env.DATABASE_URL ? { datasource: { url: process.env.DATABASE_URL } } : {}),
})

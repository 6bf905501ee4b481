# The API, nothing else: no compiler, no Prisma CLI, no embedded PostgreSQL. It runs the TypeScript as it is in the repository.
ARG NODE=node:24.21-bookworm-slim

FROM ${NODE} AS generated
WORKDIR /neda
COPY package.json package-lock.json ./
# Of the scripts only the one below is needed; the others fetch a second Node and link an embedded PostgreSQL.
RUN npm ci --ignore-scripts --omit=optional
COPY prisma.config.ts ./
COPY scripts/generate.ts scripts/
COPY prisma/schema.prisma prisma/
# Prisma looks for the generator of the GraphQL types on the PATH.
RUN PATH="/neda/node_modules/.bin:$PATH" node scripts/generate.ts

FROM ${NODE} AS dependencies
WORKDIR /neda
COPY package.json package-lock.json ./
# Without --omit=optional the Prisma CLI stays, as an optional peer of its client.
RUN npm ci --ignore-scripts --omit=dev --omit=optional

FROM ${NODE}
ENV NODE_ENV=production HOST=0.0.0.0 AUDIT_ANCHORS=/var/lib/neda/audit-anchors
WORKDIR /neda
COPY --from=dependencies /neda/node_modules node_modules
COPY --from=generated /neda/prisma/generated prisma/generated
COPY package.json ./
COPY prisma/migrations prisma/migrations
COPY prisma/seed.ts prisma/
COPY scripts/verify-audit.ts scripts/
COPY src src
# All of it belongs to root: the process can change nothing that it runs. It writes to one folder, where the audit log is anchored.
RUN install -d -o node -g node -m 700 /var/lib/neda
USER node
EXPOSE 4000
CMD ["node", "src/main.ts"]

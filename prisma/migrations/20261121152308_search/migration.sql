-- Searching: every word of a search is the beginning of a word in a name. The words stand in one column, each after a space, so that one
-- trigram index finds them. The extension is a trusted one: who owns the database may create it.
CREATE EXTENSION IF NOT EXISTS pg_trgm;

-- AlterTable
ALTER TABLE "Group" ADD COLUMN     "searchText" TEXT NOT NULL DEFAULT '';

-- AlterTable
ALTER TABLE "User" ADD COLUMN     "searchText" TEXT NOT NULL DEFAULT '';

-- CreateIndex
CREATE INDEX "Group_searchText_idx" ON "Group" USING GIN ("searchText" gin_trgm_ops);

-- CreateIndex
CREATE INDEX "Group_name_id_idx" ON "Group"("name", "id");

-- CreateIndex
CREATE INDEX "User_searchText_idx" ON "User" USING GIN ("searchText" gin_trgm_ops);

-- CreateIndex
CREATE INDEX "User_username_id_idx" ON "User"("username", "id");

-- What is there already, as src/search.ts would write it.
UPDATE "User" SET "searchText" = replace(replace(replace(replace(
  lower(regexp_replace(' ' || "username" || ' ' || "displayName", '[^[:alnum:]]+', ' ', 'g')), 'ς', 'σ'), 'ß', 'ss'), U&'i\0307', 'i'), 'ı', 'i');
UPDATE "Group" SET "searchText" = replace(replace(replace(replace(
  lower(regexp_replace(' ' || "name", '[^[:alnum:]]+', ' ', 'g')), 'ς', 'σ'), 'ß', 'ss'), U&'i\0307', 'i'), 'ı', 'i');

import { test } from 'vitest'
import { endure } from './endurance-run.ts'
import { expectWell } from './expect-well.ts'
import { projectWithSdk } from './packed-sdk.ts'

test('the packed SDK talks in a browser on each transport through a network that cuts and stalls, and misses and repeats nothing', async () => {
  await using project = await projectWithSdk()
  expectWell(await endure(project, ['Chromium'], 10_000))
}, 150_000)

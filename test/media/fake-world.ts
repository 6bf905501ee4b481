import { FakeLiveKit, type FakeLiveKitOptions } from '../support/fake-livekit.ts'
import type { MediaDevice, MediaWorld } from './world.ts'

/** It gives up soon on who is not there to be told. */
const WEBHOOK_RETRY_MS = 20

/** The fake as a world: everything at once, and nothing in the way. */
export const openFakeWorld =
  (options: FakeLiveKitOptions = {}) =>
  async (webhookUrl?: string): Promise<MediaWorld & { readonly fake: FakeLiveKit }> => {
    const fake = await FakeLiveKit.start({
      webhookRetryMs: WEBHOOK_RETRY_MS,
      ...options,
      webhookUrls: webhookUrl === undefined ? [] : [webhookUrl],
    })
    const { apiKey, apiSecret } = fake
    return {
      apiKey,
      apiSecret,
      env: { LIVEKIT_URL: fake.url, LIVEKIT_API_KEY: apiKey, LIVEKIT_API_SECRET: apiSecret },
      join: async (token): Promise<MediaDevice> => {
        const device = await fake.join(token)
        return {
          identity: device.identity,
          sid: device.sid,
          publish: async () => device.publish(),
          unpublish: async () => device.unpublish(),
          leave: async () => device.leave(),
          refreshedToken: () => device.refreshedToken,
          wasPutOut: async () => device.wasPutOut,
        }
      },
      participants: async (room) => fake.participants(room),
      rooms: async () => fake.rooms,
      told: () => fake.webhooks.settled(),
      cut: () => fake.cut(),
      hang: () => fake.faults.drop(),
      mend: () => fake.mend(),
      fake,
      [Symbol.asyncDispose]: () => fake[Symbol.asyncDispose](),
    }
  }

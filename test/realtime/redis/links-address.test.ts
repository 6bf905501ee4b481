import { describe, expect, test } from 'vitest'
import { readAddress } from '../../../src/realtime/redis/address.ts'

describe('REDIS_URL', () => {
  test.for([
    ['redis://redis', { host: 'redis', port: 6379, db: 0 }],
    ['redis://:p%40ss@h:1/2', { host: 'h', port: 1, db: 2, password: 'p@ss' }],
    ['redis://u:50%@h', { host: 'h', port: 6379, db: 0, username: 'u', password: '50%' }],
    [
      'rediss://u:p@redis.example:6380/',
      { host: 'redis.example', port: 6380, db: 0, username: 'u', password: 'p', tls: { servername: 'redis.example' } },
    ],
    ['rediss://[::1]:7', { host: '::1', port: 7, db: 0, tls: {} }],
    ['redis://h?enableOfflineQueue=true', { host: 'h', port: 6379, db: 0 }],
  ] as const)('%s', ([text, options]) => {
    expect(readAddress(text).options).toEqual(options)
    expect(readAddress(text).at).not.toMatch(/[@%]|p@ss|50/)
  })

  test.for(['', 'redis', 'http://h', 'redis://h/name', 'redis://:top-secret@ho st', 'redis://'])(
    '%j is refused without repeating it',
    (text) => {
      const error = (() => {
        try {
          return readAddress(text)
        } catch (reason) {
          return reason
        }
      })()
      expect(error).toBeInstanceOf(Error)
      expect(JSON.stringify([String(error), Object.values(error as object)])).not.toContain('top-secret')
    },
  )
})

import type { SessionId } from '../../ids.ts'
import { type Asker, type JoinGroup, PRESENCE_AFTER_CLOSE_MS, PRESENCE_LEASE_MS } from '../engine.ts'
import { waiterOf, withdraw } from './queue-rules.ts'
import { presentMember } from './state.ts'
import { mapWith, type Transition } from './transition.ts'

/** Makes a device present, or renews the lease of one that is. */
export function join(t: Transition, { person, sessionId }: Asker) {
  const { devices } = t.state
  const present = devices.get(sessionId)
  const first = presentMember(devices, person.id) === undefined
  const until = t.now + PRESENCE_LEASE_MS
  t.set({ devices: mapWith(devices, sessionId, { person, since: present?.since ?? t.now, until }) })
  if (present) return
  const member = presentMember(t.state.devices, person.id)
  if (member) t.tellPresence(first ? 'JOINED' : 'UPDATED', member)
}

/** Takes a device out, by its own wish, by lapse or by loss of rights. Who is not there does not wait; a burst has its own lease. */
export function depart(t: Transition, sessionId: SessionId) {
  const waiter = waiterOf(t, sessionId)
  if (waiter) withdraw(t, waiter)
  const device = t.state.devices.get(sessionId)
  if (!device) return
  t.set({ devices: mapWith(t.state.devices, sessionId, undefined) })
  const left = presentMember(t.state.devices, device.person.id)
  if (left) t.tellPresence('UPDATED', left)
  else t.tellPresence('LEFT', { person: device.person, devices: 0, since: device.since })
}

export function joinGroup(t: Transition, command: JoinGroup) {
  if (!t.state.closed) join(t, command)
  return t.floor()
}

/** A sign of life: renews a presence, never makes one. */
export function heartbeat(t: Transition, { sessionId }: { sessionId: SessionId }) {
  const device = t.state.devices.get(sessionId)
  if (device) t.set({ devices: mapWith(t.state.devices, sessionId, { ...device, until: t.now + PRESENCE_LEASE_MS }) })
  return device !== undefined
}

/** The device may be gone: its presence lapses sooner, unless it shows life another way. */
export function shortenPresence(t: Transition, sessionId: SessionId) {
  const device = t.state.devices.get(sessionId)
  if (!device) return
  const until = Math.min(device.until, t.now + PRESENCE_AFTER_CLOSE_MS)
  t.set({ devices: mapWith(t.state.devices, sessionId, { ...device, until }) })
}

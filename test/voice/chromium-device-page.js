// A device in its page: a room, a microphone in front of which a tone sounds, and a meter at everything that is heard.
// Every time is Date.now(), the one clock that the audio thread, pages and Node share.
import { Room, RoomEvent, Track } from 'livekit-client'

/**
 * The client has each track carried by a transceiver of its own and keeps those that carry nothing any more, so every burst would begin two
 * milliseconds later than the one before. Here what is idle is used again. It goes by the name of its first track for ever, which is why it is
 * always the same track.
 */
const { addTransceiver } = RTCPeerConnection.prototype
RTCPeerConnection.prototype.addTransceiver = function reuse(track, init) {
  const idle = this.getTransceivers().find(({ direction, sender }) => direction === 'inactive' && sender.track === null)
  if (!idle) return addTransceiver.call(this, track, init)
  idle.direction = 'sendonly'
  idle.sender.setStreams(...init.streams)
  void idle.sender.replaceTrack(track)
  return idle
}

// With one peer connection a listener's new track waits for an offer of its own, and some of those fail.
const room = new Room({ singlePeerConnection: false, stopLocalTrackOnUnpublish: false })
const meters = new Map()
const sources = new Map()
let audio
let mouth
let microphone
/** The button is held: publish as soon as that is permitted. */
let isHeld = false
/** The publication, or what becomes of it. */
let published

const report = (kind, more = {}) => void tell({ kind, at: Date.now(), ...more })

globalThis.device = {
  async switchOn(hz) {
    audio = new AudioContext({ sampleRate: 48_000, latencyHint: 'interactive' })
    await audio.audioWorklet.addModule('chromium-device-meter.js')
    const tone = new OscillatorNode(audio, { frequency: hz })
    const outlet = new MediaStreamAudioDestinationNode(audio, { channelCount: 1 })
    mouth = new GainNode(audio, { gain: 0.3 })
    microphone = outlet.stream.getAudioTracks()[0]
    tone.connect(mouth).connect(outlet)
    mouth.connect(meterOf(''))
    tone.start()
    await audio.resume()
  },

  async connect(url, token) {
    await room.connect(url, token)
    return room.localParticipant.identity
  },

  hold() {
    isHeld = true
    publishIfPermitted()
  },

  async letGo() {
    isHeld = false
    const publication = await published
    if (publication) await room.localParticipant.unpublishTrack(publication.track)
  },

  /** Falls silent and sounds again without letting go. */
  pause(silentMs) {
    const { value: loud } = mouth.gain
    mouth.gain.setValueAtTime(0, audio.currentTime).setValueAtTime(loud, audio.currentTime + silentMs / 1_000)
  },

  hangUp: () => room.disconnect(),
}

const mayPublish = () => room.localParticipant.permissions?.canPublish === true

function publishIfPermitted() {
  if (isHeld && mayPublish()) published ??= publish()
}

async function publish() {
  try {
    const publication = await room.localParticipant.publishTrack(microphone, { source: Track.Source.Microphone, dtx: false })
    report('PUBLISHED')
    return publication
  } catch (error) {
    published = undefined
    report('FAILED', { reason: String(error) })
    return undefined
  }
}

/** A meter for each identity, which stays when its track goes: making one takes a while in which nothing would be measured. */
function meterOf(identity) {
  const known = meters.get(identity)
  if (known) return known
  const meter = new AudioWorkletNode(audio, 'meter')
  meter.port.addEventListener('message', ({ data }) => void tell({ kind: data.isAudible ? 'AUDIBLE' : 'SILENT', at: data.at, identity }))
  meter.port.start()
  meter.connect(audio.destination)
  meters.set(identity, meter)
  return meter
}

room
  .on(RoomEvent.ParticipantPermissionsChanged, (_before, participant) => {
    if (participant !== room.localParticipant) return
    report(mayPublish() ? 'PERMITTED' : 'FORBIDDEN')
    publishIfPermitted()
  })
  .on(RoomEvent.LocalTrackUnpublished, () => {
    published = undefined
    report('UNPUBLISHED')
  })
  .on(RoomEvent.Disconnected, (reason) => report('DISCONNECTED', { reason: String(reason) }))
  .on(RoomEvent.TrackSubscribed, (track, _publication, { identity }) => {
    report('SUBSCRIBED', { identity })
    // Chromium decodes only what is played.
    track.attach()
    const source = new MediaStreamAudioSourceNode(audio, { mediaStream: new MediaStream([track.mediaStreamTrack]) })
    source.connect(meterOf(identity))
    sources.set(track, source)
  })
  .on(RoomEvent.TrackUnsubscribed, (track) => {
    for (const element of track.detach()) element.remove()
    sources.get(track).disconnect()
    sources.delete(track)
  })

/** What instances tell each other about: rights that have changed, who is in which room of the media server, and which device has joined. */
export type Subject = 'CHANGES' | 'ROSTER' | 'JOINED'

/** The other instances that share the floor. What is told may be lost: whoever depends on it looks by itself too. */
export interface Neighbours {
  tell(subject: Subject, text: string): void
  /** Also hears what this instance tells. */
  hear(subject: Subject, listener: (text: string) => void): Promise<void>
}

/** An instance that shares its floor with nobody. */
export const noNeighbours: Neighbours = { tell: () => {}, hear: async () => {} }

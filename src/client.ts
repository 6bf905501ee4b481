import ipaddr from 'ipaddr.js'

/** Who sends, as the network knows it. */
export interface Client {
  /** The network address, of the device or of the last router that hides it. */
  readonly address: string
  /** What its program calls itself; null if it says nothing. */
  readonly userAgent: string | null
}

/** What one address stands for: of IPv6 everybody has a whole /64. */
export function networkOf(address: string): string {
  if (!ipaddr.IPv6.isValid(address)) return address
  const parts = ipaddr.IPv6.parse(address).parts.slice(0, 4)
  return `${parts.map((part) => part.toString(16)).join(':')}::/64`
}

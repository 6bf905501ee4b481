/**
 * Marks a field, or all fields of a type, as a pure function of its parent: no viewer, no I/O. A subscription that selects nothing else is
 * executed once for all who watch with the same document and variables.
 */
export const selfContained = { extensions: { selfContained: true } } as const

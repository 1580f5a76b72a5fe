/** What the process that holds the streams is told, and what it tells. */
export type ToHolder =
  /** Opens as many more of the agents in the file, in order. */
  { readonly kind: 'open'; readonly count: number };

export type FromHolder =
  | { readonly kind: 'opened'; readonly count: number }
  /** All streams have come to this place, the last of them at this time (Unix milliseconds). */
  | { readonly kind: 'reached'; readonly index: number; readonly at: number }
  | { readonly kind: 'lost'; readonly reason: string };

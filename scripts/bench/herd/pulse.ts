/** Between two pulses, in milliseconds; more when the agents wait for each other. */
export const PULSE_MS = 250;

/** Since the start. */
export interface Counts {
  /** TCP connections begun, whether or not anyone was there. */
  connections: number;
  /** Calls of the server, answered or not. */
  calls: number;
  /** Entries that an SVID was asked for. */
  items: number;
  /** Refusals of the server, by code; `unavailable` also where there was none. */
  readonly refused: Record<string, number>;
}

/** How a fleet stands at a moment. */
export interface Pulse {
  /** Unix milliseconds. */
  readonly at: number;
  /** Agents that hold what the server has, on an open connection. */
  readonly synced: number;
  /** SVIDs of workloads that are good now. */
  readonly svids: number;
  /** Agents with an SVID of their own that is good now, and how many of those are not the first ones. */
  readonly identified: number;
  readonly renewed: number;
  readonly counts: Counts;
}

/** What the fleet's process is started with, in a file. */
export interface FleetSetup {
  /** They start one after another, over so many milliseconds. */
  readonly startMs: number;
  readonly trustDomain: string;
  readonly api: string;
  /** PEM. */
  readonly bundle: string;
  readonly agents: readonly { readonly chain: string; readonly key: string }[];
}

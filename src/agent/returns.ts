import { Refusal } from '../domain/refusal.ts';
import type { SyncBye } from '../formats/sync-message.ts';
import type { Entropy } from '../ports/entropy.ts';
import { type BackOff, longestPause, pauseAfter } from './jitter.ts';

/** After a connection that did not come about, and after one that broke. */
const RETURNING: BackOff = { least: 250, first: 2000, most: 30_000 };
/** The server ends in good order, and another one is there soon. */
const RELIEVED: BackOff = { least: 250, first: 1000, most: 30_000 };
/** The server has too much to do. */
const CROWDED: BackOff = { least: 1000, first: 10_000, most: 30_000 };
/** There is a newer SVID to come with, or will be in a moment. */
const RENEWED: BackOff = { least: 0, first: 500, most: 30_000 };

const BACK_OFF: Readonly<Record<SyncBye['reason'], BackOff>> = {
  shutdown: RELIEVED,
  overload: CROWDED,
  expired: RENEWED,
  revoked: RENEWED,
};

/** However many agents there are, none waits for longer than this because of that. */
const LONGEST_SPREAD_MS = 60_000;

/** How a connection ended, and whether anything came of it. */
export interface Ended {
  readonly bye?: SyncBye['reason'];
  readonly error?: unknown;
}

/** When an agent comes back to its server: later and later, and never at the same moment as everyone else. */
export class Returns {
  readonly #entropy: Entropy;
  #failures = 0;
  /** Over how many milliseconds the server wants its agents to come back. */
  #spread = 0;

  constructor(entropy: Entropy) {
    this.#entropy = entropy;
  }

  /** A connection came to something. */
  succeeded(): void {
    this.#failures = 0;
    this.#spread = 0;
  }

  /** The server says over how many seconds its agents are to come back. */
  spreadOver(within = 0): void {
    this.#spread = Math.min(within * 1000, LONGEST_SPREAD_MS);
  }

  /** Milliseconds to wait after a connection that ended. */
  pauseAfter({ bye, error }: Ended): number {
    this.#failures += 1;
    const retryAfter = error instanceof Refusal ? error.retryAfter : undefined;
    const { least, first, most } = bye === undefined ? RETURNING : BACK_OFF[bye];
    // The server's word is for all of them together; that one came too early for it does not make them more.
    const longest = Math.max(this.#spread, longestPause({ first, most }, this.#failures));
    return pauseAfter(this.#entropy, { least, first: longest, most: longest }, 1, retryAfter);
  }
}

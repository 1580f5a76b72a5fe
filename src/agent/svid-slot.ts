import type { SpiffeId } from '../domain/spiffe-id.ts';
import type { HeldSvid } from './held-svid.ts';

/** DEC-36: renewal falls between these parts of a life; what is random only makes it earlier. */
const LATEST_RENEWAL = 0.5;
const RENEWAL_SPREAD = 0.1;
const FIRST_RETRY_MS = 1000;
const LONGEST_RETRY_MS = 30_000;
/** What the server refused is asked for again when something changed; if not, after so long, in case that it was an accident. */
const REFUSED_RETRY_MS = 300_000;

interface AskedAs {
  readonly basis: string;
  readonly agent: SpiffeId | undefined;
  readonly bundle: unknown;
  readonly cursor: unknown;
}

/** The place of one entry among the SVIDs that are kept fresh. Times in Unix milliseconds; `random` from 0 up to 1. */
export class SvidSlot {
  readonly id: string;
  held: HeldSvid | undefined;
  /** A request is waiting or under way. */
  isAsked = false;
  /** What the entry, this agent, the bundle and the place in the log were when it was asked for. */
  askedAs: AskedAs | undefined;
  /** The server said that there is none to be had. */
  isRefused = false;
  /** By how many it is used just now. */
  pins = 0;
  renewAt = 0;
  /** Not to be asked for before. */
  retryAt = 0;
  #failures = 0;

  constructor(id: string) {
    this.id = id;
  }

  ask(askedAs: AskedAs): void {
    this.isAsked = true;
    this.askedAs = askedAs;
  }

  /** Whether the bundle is the one that it was asked for under: what came of another one says nothing about the next attempt. */
  wasAskedUnder(bundle: unknown): boolean {
    return this.askedAs !== undefined && this.askedAs.bundle === bundle;
  }

  hold(held: HeldSvid, random: number): void {
    this.held = held;
    // Whichever clock is wrong, ours or the server's, this is not too late.
    const life = Math.max(0, Math.min(held.life * 1000, held.notAfter * 1000 - held.receivedAt));
    this.renewAt = held.receivedAt + life * (LATEST_RENEWAL - RENEWAL_SPREAD * random);
  }

  /** The next attempt is due later, each time twice as late as before. */
  fail(now: number, random: number): void {
    const longest = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.#failures);
    this.#failures += 1;
    this.retryAt = now + longest * (1 - random / 2);
  }

  refuse(now: number, random: number): void {
    this.held = undefined;
    this.isRefused = true;
    this.retryAt = now + REFUSED_RETRY_MS * (1 + random);
  }

  /** Nothing stands in the way of the next attempt. */
  clear(): void {
    this.isRefused = false;
    this.retryAt = 0;
    this.#failures = 0;
  }

  /** Before which it is not asked for again. A pause longer than any that is made comes from a clock that was set back. */
  retryAtLatest(now: number): number {
    return this.retryAt - now > 2 * REFUSED_RETRY_MS ? 0 : this.retryAt;
  }

  /** When what is held ends by itself. */
  endsAt(entryExpiresAt = Infinity): number {
    return this.held === undefined ? Infinity : Math.min(this.held.notAfter, entryExpiresAt) * 1000;
  }
}

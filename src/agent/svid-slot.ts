import type { SpiffeId } from '../domain/spiffe-id.ts';
import type { HeldSvid } from './held-svid.ts';
import { retryPause } from './jitter.ts';

/** DEC-36: renewal is due at half of the life, less a random part of at most a tenth. */
const LATEST_RENEWAL = 0.5;
const RENEWAL_SPREAD = 0.1;
const RETRY = { first: 1000, most: 30_000 };
/** What the server refused is asked for again when something changes, or after so long, in case that the refusal was a mistake. */
const REFUSED_RETRY_MS = 300_000;

interface AskedAs {
  readonly basis: string;
  readonly agent: SpiffeId | undefined;
  readonly bundle: unknown;
  readonly cursor: unknown;
}

/** The SVID of one entry, held or to be had, and when to ask for the next. Times in Unix milliseconds; `random` from 0 up to 1. */
export class SvidSlot {
  readonly id: string;
  held: HeldSvid | undefined;
  /** A request is waiting or under way. */
  isAsked = false;
  /** The entry, the agent, the bundle and the cursor as they were when the SVID was asked for. */
  askedAs: AskedAs | undefined;
  /** The server refused an SVID for this entry. */
  isRefused = false;
  renewAt = 0;
  /** It is not asked for before this. */
  retryAt = 0;
  #failures = 0;
  #pins = 0;

  constructor(id: string) {
    this.id = id;
  }

  /** It is not to be dropped for want of room. */
  get isPinned(): boolean {
    return this.#pins > 0;
  }

  /** Keeps it from being dropped for want of room until the returned function is called. */
  pin(): () => void {
    this.#pins += 1;
    let isPinned = true;
    return () => {
      if (isPinned) this.#pins -= 1;
      isPinned = false;
    };
  }

  ask(askedAs: AskedAs): void {
    this.isAsked = true;
    this.askedAs = askedAs;
  }

  /** Whether `bundle` is the one under which it was asked for: a result under another says nothing about the next attempt. */
  wasAskedUnder(bundle: unknown): boolean {
    return this.askedAs !== undefined && this.askedAs.bundle === bundle;
  }

  hold(held: HeldSvid, random: number): void {
    this.held = held;
    // The shorter of two measures of its life: right in time even if our clock or the server's is wrong.
    const life = Math.max(0, Math.min(held.life * 1000, held.notAfter * 1000 - held.receivedAt));
    this.renewAt = held.receivedAt + life * (LATEST_RENEWAL - RENEWAL_SPREAD * random);
  }

  /** An attempt failed: the next one is due after a pause that doubles each time. */
  fail(now: number, random: number): void {
    this.#failures += 1;
    this.retryAt = now + retryPause(RETRY, this.#failures, random);
  }

  refuse(now: number, random: number): void {
    this.held = undefined;
    this.isRefused = true;
    this.retryAt = now + REFUSED_RETRY_MS * (1 + random);
  }

  /** The next attempt may be at once. */
  clear(): void {
    this.isRefused = false;
    this.retryAt = 0;
    this.#failures = 0;
  }

  /** `retryAt`, unless it is further away than any pause: then the clock was set back, and it does not count. */
  retryAtLatest(now: number): number {
    return this.retryAt - now > 2 * REFUSED_RETRY_MS ? 0 : this.retryAt;
  }

  /** When what is held ends by itself. */
  endsAt(entryExpiresAt = Infinity): number {
    return this.held === undefined ? Infinity : Math.min(this.held.notAfter, entryExpiresAt) * 1000;
  }
}

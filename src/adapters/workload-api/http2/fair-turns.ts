/**
 * What one user may have done in one turn of the event loop, in frames: some 30 requests. Fewer would slow down whoever is
 * alone, since a turn has its price too.
 */
const WORK_PER_TURN = 512;

/** What a user has had in this turn, and who of theirs waits for the next one. */
export class UserShare {
  /** How many streams of theirs are open. */
  readonly streams = { open: 0 };
  /** How many octets of their headers are here that are not whole. */
  readonly blocks = { bytes: 0 };
  /** How many octets of their requests are here that are not whole. */
  readonly requests = { bytes: 0 };
  readonly #begin: (share: UserShare) => void;
  readonly #waiting = new Set<() => void>();
  #spent = 0;

  constructor(begin: (share: UserShare) => void) {
    this.#begin = begin;
  }

  /** Nothing more of this user in this turn. */
  get isSpent(): boolean {
    return this.#spent >= WORK_PER_TURN;
  }

  /** Whether who comes now has to wait: for the next turn, or behind others of the same user. */
  get isQueued(): boolean {
    return this.isSpent || this.#waiting.size > 0;
  }

  spend(work: number): void {
    if (this.#spent === 0) this.#begin(this);
    this.#spent += work;
  }

  /** Calls back when it is this one's turn. The function returned takes it back. */
  wait(goOn: () => void): () => void {
    this.#waiting.add(goOn);
    this.#begin(this);
    return () => this.#waiting.delete(goOn);
  }

  /** A new turn has begun. */
  next(): void {
    this.#spent = 0;
    for (const goOn of this.#waiting) {
      if (this.isSpent) break;
      this.#waiting.delete(goOn);
      goOn();
    }
    if (this.#waiting.size > 0) this.#begin(this);
  }
}

/**
 * Shares the agent's time among users: one who asks as fast as they can, on as many connections as they may have, keeps another
 * waiting for some milliseconds, and not for all that they asked.
 */
export class FairTurns {
  #active = new Set<UserShare>();
  #isDue = false;

  /** One for each user. */
  share(): UserShare {
    return new UserShare((share) => this.#begin(share));
  }

  #begin(share: UserShare): void {
    this.#active.add(share);
    if (this.#isDue) return;
    this.#isDue = true;
    setImmediate(() => this.#next());
  }

  #next(): void {
    this.#isDue = false;
    const active = this.#active;
    this.#active = new Set();
    for (const share of active) share.next();
  }
}

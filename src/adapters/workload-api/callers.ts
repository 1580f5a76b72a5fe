import { FairTurns, type UserShare } from './http2/fair-turns.ts';

export interface CallerLimits {
  /** Connections open at once. */
  readonly connections: number;
  /** Of these, by processes of one user. */
  readonly connectionsPerUid: number;
}

/** A connection that was let in. */
export interface Admitted {
  readonly share: UserShare;
  /** It has closed. */
  readonly leave: () => void;
}

const ROOT = 0;
/** One in so many connections is kept for root, whose workloads run the node. */
const ROOTS_PART = 16;

/** Who is connected: how many, and what each user has had. */
export class Callers {
  readonly #limits: CallerLimits;
  readonly #turns = new FairTurns();
  readonly #users = new Map<number, { open: number; readonly share: UserShare }>();
  #open = 0;

  constructor(limits: CallerLimits) {
    this.#limits = limits;
  }

  get open(): number {
    return this.#open;
  }

  /** Counts a connection of a user, until it leaves. Undefined when there are too many. */
  admit(uid: number): Admitted | undefined {
    const user = this.#users.get(uid) ?? { open: 0, share: this.#turns.share() };
    if (this.#open >= this.#mostFor(uid) || user.open >= this.#limits.connectionsPerUid) return undefined;
    this.#open += 1;
    user.open += 1;
    this.#users.set(uid, user);
    const leave = (): void => {
      this.#open -= 1;
      user.open -= 1;
      if (user.open === 0) this.#users.delete(uid);
    };
    return { share: user.share, leave };
  }

  #mostFor(uid: number): number {
    const { connections } = this.#limits;
    return uid === ROOT ? connections : connections - Math.floor(connections / ROOTS_PART);
  }
}

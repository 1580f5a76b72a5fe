import type { Metadata } from '@grpc/grpc-js';
import type { WorkloadSession } from '../../agent/workload-session.ts';
import type { Entropy } from '../../ports/entropy.ts';
import { FairTurns, type UserShare } from './fair-turns.ts';
import { CALLER_HEADER } from './repair-authority.ts';

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

const NAME_BYTES = 16;
const ROOT = 0;
/** One in so many connections is kept for root, whose workloads run the node. */
const ROOTS_PART = 16;

/**
 * Who is connected, by the name that each connection was given. The name cannot be guessed, and never leaves the agent.
 */
export class Callers {
  readonly #limits: CallerLimits;
  readonly #entropy: Entropy;
  readonly #sessions = new Map<string, WorkloadSession>();
  readonly #turns = new FairTurns();
  readonly #users = new Map<number, { open: number; readonly share: UserShare }>();
  #open = 0;

  constructor(limits: CallerLimits, entropy: Entropy) {
    this.#limits = limits;
    this.#entropy = entropy;
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

  /** Names a connection. */
  add(session: WorkloadSession): string {
    const name = Buffer.from(this.#entropy.bytes(NAME_BYTES)).toString('hex');
    this.#sessions.set(name, session);
    return name;
  }

  remove(name: string): void {
    this.#sessions.delete(name);
  }

  /** Who made a call; its connection may have closed in the meantime. */
  of({ metadata }: { readonly metadata: Metadata }): WorkloadSession | undefined {
    const [name] = metadata.get(CALLER_HEADER);
    return typeof name === 'string' ? this.#sessions.get(name) : undefined;
  }

  #mostFor(uid: number): number {
    const { connections } = this.#limits;
    return uid === ROOT ? connections : connections - Math.floor(connections / ROOTS_PART);
  }
}

import type { Metadata } from '@grpc/grpc-js';
import type { WorkloadSession } from '../../agent/workload-session.ts';
import type { Entropy } from '../../ports/entropy.ts';
import { CALLER_HEADER } from './repair-authority.ts';

export interface CallerLimits {
  /** Connections open at once. */
  readonly connections: number;
  /** Of these, by processes of one user. */
  readonly connectionsPerUid: number;
}

const NAME_BYTES = 16;

/**
 * Who is connected, by the name that each connection was given. The name cannot be guessed, and never leaves the agent.
 */
export class Callers {
  readonly #limits: CallerLimits;
  readonly #entropy: Entropy;
  readonly #sessions = new Map<string, WorkloadSession>();
  readonly #perUid = new Map<number, number>();
  #open = 0;

  constructor(limits: CallerLimits, entropy: Entropy) {
    this.#limits = limits;
    this.#entropy = entropy;
  }

  get open(): number {
    return this.#open;
  }

  /** Counts a connection of a user; the function returned ends that. Undefined when there are too many. */
  admit(uid: number): (() => void) | undefined {
    const ofUid = this.#perUid.get(uid) ?? 0;
    if (this.#open >= this.#limits.connections || ofUid >= this.#limits.connectionsPerUid) return undefined;
    this.#open += 1;
    this.#perUid.set(uid, ofUid + 1);
    return () => {
      this.#open -= 1;
      const left = (this.#perUid.get(uid) ?? 1) - 1;
      if (left > 0) this.#perUid.set(uid, left);
      else this.#perUid.delete(uid);
    };
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
}

import type { SpiffeId } from '../domain/spiffe-id.ts';
import type { LogHead } from './ledger.ts';

/** A head of the log that was given to an agent, which brings it back when it reconnects (DEC-11). */
export interface GivenHead extends LogHead {
  /** Whom it was given to. */
  readonly agent: SpiffeId;
}

export interface SignedHead extends GivenHead {
  readonly mac: string;
}

/** Authenticates heads: one that comes back with our MAC proves how far this trust domain's log had come. */
export interface HeadAuthenticator {
  sign(head: GivenHead): SignedHead;
  /** Whether `sign` made it, in this process or any other with the same seal key. */
  isOurs(head: SignedHead): boolean;
}

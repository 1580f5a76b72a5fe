import type { SpiffeId } from '../domain/spiffe-id.ts';
import type { LogHead } from './ledger.ts';

/** A head of the log as an agent was told it, so that it can tell us (DEC-11). */
export interface GivenHead extends LogHead {
  /** Whom it was given to. */
  readonly agent: SpiffeId;
}

export interface SignedHead extends GivenHead {
  readonly mac: string;
}

/** Makes heads that nobody else can make: what comes back is proof that this trust domain's log was there. */
export interface HeadAuthenticator {
  sign(head: GivenHead): SignedHead;
  /** Whether `sign` made it, in this process or any other with the same seal key. */
  isOurs(head: SignedHead): boolean;
}

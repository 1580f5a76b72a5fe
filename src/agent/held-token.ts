import { createHash } from 'node:crypto';
import { Refusal } from '../domain/refusal.ts';
import type { SpiffeId } from '../domain/spiffe-id.ts';
import type { SyncEntry } from '../formats/sync-message.ts';
import type { IssuedToken } from '../ports/agent-server.ts';
import { readJwtSvid } from '../verify/jwt-svid.ts';
import type { Holding } from './in-force.ts';

/** A JWT-SVID as the agent holds it. `credential` is its `jti`. */
export interface HeldToken extends Holding {
  /** `tokenKey` of what it was asked for. */
  readonly key: string;
  readonly token: string;
  /** The key that signed it. */
  readonly kid: string;
  /** Seconds, by the server's clock. */
  readonly life: number;
  /** Of the entry that it was made for. */
  readonly revision: number;
  /** Unix milliseconds at which it came: its life is counted from here. */
  readonly receivedAt: number;
}

/** What a token is kept under: the entry, and the audiences in no order. A digest, since audiences may be long and many. */
export const tokenKey = (entryId: string, audience: readonly string[]): string =>
  createHash('sha256')
    .update(JSON.stringify([entryId, ...[...audience].sort()]))
    .digest('base64url');

export interface ReceivedToken {
  readonly entry: SyncEntry;
  readonly key: string;
  readonly issued: IssuedToken;
  readonly agent: SpiffeId;
  /** Unix milliseconds. */
  readonly at: number;
}

/** Looks at what the server answered before any workload sees it. Refuses with `unavailable`. */
export const acceptToken = ({ entry, key, issued, agent, at }: ReceivedToken): HeldToken => {
  const { jws, spiffeId } = readJwtSvid(issued.token);
  if (spiffeId !== entry.spiffeId || jws.kid === undefined) {
    throw new Refusal('unavailable', 'the server answered with a token that does not fit');
  }
  return {
    entryId: entry.id,
    key,
    spiffeId,
    agent,
    credential: issued.jti,
    ledger: issued.ledger,
    notAfter: issued.expiresAt,
    life: issued.expiresAt - issued.issuedAt,
    token: issued.token,
    kid: jws.kid,
    revision: entry.revision,
    receivedAt: at,
  };
};

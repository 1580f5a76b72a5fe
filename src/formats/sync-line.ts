import type { Entry } from '../domain/entry.ts';
import type { Revocation } from '../domain/revocation.ts';
import type { ServerMessage, SyncEntry, SyncRevocation } from './sync-message.ts';

/** A message of the server as the octets of its line. */
export const syncLine = (message: ServerMessage): Buffer => Buffer.from(`${JSON.stringify(message)}\n`);

/** An entry without what an agent has no use for: who keeps it, what it administers, grants and rates. */
export const syncEntry = (entry: Entry): SyncEntry => ({
  id: entry.id,
  revision: entry.revision,
  spiffeId: entry.spiffeId,
  selectors: entry.selectors,
  createdAt: entry.createdAt,
  ...(entry.x509Ttl !== undefined && { x509Ttl: entry.x509Ttl }),
  ...(entry.jwtTtl !== undefined && { jwtTtl: entry.jwtTtl }),
  ...(entry.dnsNames.length > 0 && { dnsNames: entry.dnsNames }),
  ...(entry.commonName !== undefined && { commonName: entry.commonName }),
  ...(entry.hint !== undefined && { hint: entry.hint }),
  ...(entry.federatesWith.length > 0 && { federatesWith: entry.federatesWith }),
  ...(entry.expiresAt !== undefined && { expiresAt: entry.expiresAt }),
});

/** A revocation without its reason, which is the operators' word. */
export const syncRevocation = ({ id, target, predicates, index }: Revocation): SyncRevocation => ({
  id,
  target,
  predicates,
  index,
});

import { unixSeconds } from '../domain/instant.ts';
import { parseRecordId, type RecordId } from '../domain/record-id.ts';
import type { RevocationTarget } from '../domain/revocation.ts';
import type { SpiffeId } from '../domain/spiffe-id.ts';
import type { CredentialFilter, CredentialRow } from '../ports/views.ts';
import type { Issuer } from './issuer.ts';
import type { StandAside } from './slices.ts';

type Reader = Pick<Issuer, 'views' | 'clock'>;

/** The searches that find a target's credentials; for an agent its own, and those that were issued through it. */
export const credentialFilters = (target: RevocationTarget): readonly CredentialFilter[] => {
  const id = target.value as SpiffeId;
  switch (target.kind) {
    case 'identity':
      return [{ spiffeId: id }];
    case 'prefix':
      return [{ prefix: id }];
    case 'agent':
      return [{ spiffeId: id }, { agent: id }];
    case 'entry':
      return [{ entry: target.value }];
    default:
      return [];
  }
};

export interface LiveLook {
  readonly most: number;
  readonly standAside: StandAside;
  readonly visit: (row: CredentialRow) => void;
}

/**
 * Visits the credentials that a target hits and that have not expired, each once, in no order, at most `most` of them. `isWhole`
 * says that there are no more. Stands aside between pages.
 */
export const visitLive = async (
  issuer: Reader,
  target: RevocationTarget,
  { most, standAside, visit }: LiveLook,
): Promise<{ readonly isWhole: boolean }> => {
  const liveAt = unixSeconds(issuer.clock.now());
  if (target.kind === 'credential') {
    const row = issuer.views.credentials.get(parseRecordId(target.value));
    if (row !== undefined && row.notAfter > liveAt) visit(row);
    return { isWhole: true };
  }
  // An agent's own credential may be found again among those that were issued through it.
  const seen = new Set<RecordId>();
  for (const filter of credentialFilters(target)) {
    for (const rows of issuer.views.credentials.walk({ ...filter, liveAt })) {
      for (const row of rows) {
        if (seen.has(row.id)) continue;
        if (seen.size === most) return { isWhole: false };
        seen.add(row.id);
        visit(row);
      }
      await standAside();
    }
  }
  return { isWhole: true };
};

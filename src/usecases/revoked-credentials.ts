import { unixSeconds } from '../domain/instant.ts';
import { parseRecordId } from '../domain/record-id.ts';
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

/**
 * At most `most` of the credentials that a target hits and that have not expired, page by page, in no order; some may come
 * twice. Stands aside between pages.
 */
export const liveCredentials = async function* (
  issuer: Reader,
  target: RevocationTarget,
  most: number,
  standAside: StandAside,
): AsyncGenerator<readonly CredentialRow[]> {
  const liveAt = unixSeconds(issuer.clock.now());
  if (target.kind === 'credential') {
    const row = issuer.views.credentials.get(parseRecordId(target.value));
    if (row !== undefined && row.notAfter > liveAt) yield [row];
  }
  let left = most;
  for (const filter of credentialFilters(target)) {
    for (const rows of issuer.views.credentials.walk({ ...filter, liveAt })) {
      yield rows.slice(0, left);
      left -= rows.length;
      if (left <= 0) return;
      await standAside();
    }
  }
};

import { requireWithin, visiblePrefix, type Administrator } from '../domain/administrator.ts';
import { unixSeconds } from '../domain/instant.ts';
import type { RecordId } from '../domain/record-id.ts';
import { Refusal } from '../domain/refusal.ts';
import type { CredentialFilter, CredentialRow, Page } from '../ports/views.ts';
import { credentialStatus, type CredentialStatus } from './credential-status.ts';
import type { Issuer } from './issuer.ts';

type Reader = Pick<Issuer, 'views' | 'clock' | 'follower'>;

export interface CredentialView extends CredentialRow {
  readonly status: CredentialStatus;
}

export interface CredentialQuery extends Omit<CredentialFilter, 'liveAt'> {
  /** Only what has not expired. */
  readonly live?: boolean | undefined;
}

const filterOf = (issuer: Reader, admin: Administrator, { live, ...query }: CredentialQuery): CredentialFilter => {
  const prefix = visiblePrefix(admin, query.prefix);
  return {
    ...query,
    ...(prefix !== undefined && { prefix }),
    ...(live === true && { liveAt: unixSeconds(issuer.clock.now()) }),
  };
};

/** Newest first, only what lies below the administrator's prefix. */
export const listCredentials = (
  issuer: Reader,
  admin: Administrator,
  query: CredentialQuery,
  page: Page,
): readonly CredentialView[] =>
  issuer.views.credentials
    .list(filterOf(issuer, admin, query), page)
    .map((row) => ({ ...row, status: credentialStatus(issuer, row) }));

export const countCredentials = (issuer: Reader, admin: Administrator, query: CredentialQuery): number =>
  issuer.views.credentials.count(filterOf(issuer, admin, query));

/** By serial or `jti`. Refuses with `not_found` (also when its row was purged: `explain` still finds the record). */
export const showCredential = (issuer: Reader, admin: Administrator, id: RecordId): CredentialView => {
  const row = issuer.views.credentials.get(id);
  if (!row) throw new Refusal('not_found', 'no credential with this serial or jti is on record');
  requireWithin(admin, row.spiffeId);
  return { ...row, status: credentialStatus(issuer, row) };
};

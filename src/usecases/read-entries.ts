import { requireWithin, type Administrator } from '../domain/administrator.ts';
import type { Entry } from '../domain/entry.ts';
import { Refusal } from '../domain/refusal.ts';
import { isPathPrefix, type SpiffeId } from '../domain/spiffe-id.ts';
import type { EntryFilter, Page } from '../ports/views.ts';
import type { Issuer } from './issuer.ts';

type Reader = Pick<Issuer, 'views'>;

/**
 * The prefix to search below: that of the administrator's role and the one asked for, whichever is narrower. Refuses with
 * `forbidden` when they have nothing in common.
 */
export const visiblePrefix = (admin: Administrator, asked: SpiffeId | undefined): SpiffeId | undefined => {
  if (admin.prefix === undefined || asked === undefined) return asked ?? admin.prefix;
  if (isPathPrefix(asked, admin.prefix)) return admin.prefix;
  requireWithin(admin, asked);
  return asked;
};

const visible = (admin: Administrator, filter: EntryFilter): EntryFilter => {
  const prefix = visiblePrefix(admin, filter.prefix);
  return prefix === undefined ? filter : { ...filter, prefix };
};

/** Refuses with `not_found`; `forbidden` outside the administrator's prefix. */
export const showEntry = (issuer: Reader, admin: Administrator, id: string): Entry => {
  const entry = issuer.views.entries.get(id);
  if (!entry) throw new Refusal('not_found', 'there is no entry with this id');
  requireWithin(admin, entry.spiffeId);
  return entry;
};

/** In order of id, only what lies below the administrator's prefix. */
export const listEntries = (issuer: Reader, admin: Administrator, filter: EntryFilter, page: Page): readonly Entry[] =>
  issuer.views.entries.list(visible(admin, filter), page);

export const countEntries = (issuer: Reader, admin: Administrator, filter: EntryFilter): number =>
  issuer.views.entries.count(visible(admin, filter));

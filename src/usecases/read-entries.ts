import { requireWithin, visiblePrefix, type Administrator } from '../domain/administrator.ts';
import type { Entry } from '../domain/entry.ts';
import { Refusal } from '../domain/refusal.ts';
import type { EntryFilter, Page } from '../ports/views.ts';
import type { Issuer } from './issuer.ts';

type Reader = Pick<Issuer, 'views'>;

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

import { requireMayWriteEntry, type Administrator } from '../domain/administrator.ts';
import type { Entry } from '../domain/entry.ts';
import type { EntryDeleted } from '../domain/fact.ts';
import { Refusal } from '../domain/refusal.ts';
import { adminLeans, record, requireRevision, surroundingsOf, type AdminIssuer } from './admin-write.ts';

export const entryDeletion = (admin: Administrator, { id, spiffeId, revision }: Entry): EntryDeleted => ({
  kind: 'entry-deleted',
  id,
  spiffeId,
  by: admin.name,
  leans: adminLeans(admin, { entry: { id, revision } }),
});

/**
 * Deletes an entry: nothing is issued under it from here on. What was issued lives out its short life; `revoke` ends that
 * too. Refuses with `not_found`, `forbidden`, or `precondition_failed` for another revision than the caller saw.
 */
export const deleteEntry = async (
  issuer: AdminIssuer,
  admin: Administrator,
  id: string,
  expected?: number,
): Promise<void> => {
  const entry = issuer.views.entries.get(id);
  if (!entry) throw new Refusal('not_found', 'there is no entry with this id');
  requireMayWriteEntry(admin, entry, undefined, surroundingsOf(issuer));
  requireRevision(entry, expected);
  await record(issuer, [entryDeletion(admin, entry)]);
};

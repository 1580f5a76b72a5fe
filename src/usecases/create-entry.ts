import { requireMayWriteEntry, type Administrator } from '../domain/administrator.ts';
import { entryIdProblem, type EntryDraft } from '../domain/entry-rules.ts';
import type { Entry } from '../domain/entry.ts';
import type { EntryWritten } from '../domain/fact.ts';
import { newRecordId } from '../domain/record-id.ts';
import { Refusal, problemsRefusal } from '../domain/refusal.ts';
import {
  adminLeans,
  entryContext,
  record,
  requireEntry,
  requireFreeCommonName,
  surroundingsOf,
  twinOf,
  type AdminIssuer,
} from './admin-write.ts';

/** A fresh id, or the one that the operator chose. Refuses one that any entry ever had (P3). */
const entryId = (issuer: AdminIssuer, chosen: string | undefined): string => {
  if (chosen === undefined) return newRecordId(issuer.clock.now(), issuer.entropy);
  const problem = entryIdProblem(chosen);
  if (problem !== undefined) throw problemsRefusal('invalid_entry', [{ field: 'id', problem }]);
  if (issuer.views.entries.used(chosen)) throw new Refusal('conflict', 'an entry had this id before', { field: 'id' });
  return chosen;
};

/** The first revision of an entry, and the fact that records it. */
export const newEntry = (
  issuer: AdminIssuer,
  admin: Administrator,
  fields: ReturnType<typeof requireEntry>,
  chosenId?: string,
): { readonly entry: Entry; readonly fact: EntryWritten } => {
  const now = issuer.clock.now();
  const entry: Entry = { ...fields, id: entryId(issuer, chosenId), revision: 1, createdAt: now, updatedAt: now };
  return { entry, fact: { kind: 'entry-created', entry, by: admin.name, leans: adminLeans(admin) } };
};

/**
 * Records an entry. Refuses with `invalid_entry` (all problems, with their fields), `forbidden` outside the administrator's
 * rights, `conflict` for an id that was ever used, a common name of another SPIFFE ID, or an entry that says the same.
 */
export const createEntry = async (
  issuer: AdminIssuer,
  admin: Administrator,
  draft: EntryDraft,
  chosenId?: string,
): Promise<Entry> => {
  const context = entryContext(issuer);
  const fields = requireEntry(draft, context);
  requireMayWriteEntry(admin, undefined, fields, surroundingsOf(issuer));
  requireFreeCommonName(issuer, fields);
  const twin = twinOf(issuer, fields);
  if (twin) throw new Refusal('conflict', `the entry ${twin.id} has the same SPIFFE ID, parent and selectors`);
  const { entry, fact } = newEntry(issuer, admin, fields, chosenId);
  await record(issuer, [fact]);
  return entry;
};

import { requireMayWriteEntry, type Administrator } from '../domain/administrator.ts';
import type { EntryDraft } from '../domain/entry-rules.ts';
import type { Entry, EntryFields } from '../domain/entry.ts';
import type { EntryWritten } from '../domain/fact.ts';
import { Refusal } from '../domain/refusal.ts';
import {
  adminLeans,
  entryContext,
  fieldsOf,
  isSame,
  record,
  requireEntry,
  requireFreeCommonName,
  requireRevision,
  surroundingsOf,
  twinOf,
  type AdminIssuer,
} from './admin-write.ts';

/** The next revision of an entry, and the fact that records it. */
export const nextEntry = (
  issuer: AdminIssuer,
  admin: Administrator,
  before: Entry,
  fields: EntryFields,
): { readonly entry: Entry; readonly fact: EntryWritten } => {
  const { id, revision, createdAt } = before;
  const entry: Entry = { ...fields, id, revision: revision + 1, createdAt, updatedAt: issuer.clock.now() };
  const leans = adminLeans(admin, { entry: { id, revision } });
  return { entry, fact: { kind: 'entry-updated', entry, by: admin.name, leans } };
};

export interface UpdateEntry {
  readonly id: string;
  /** The whole entry as it shall be: what is left out goes back to its default. */
  readonly draft: EntryDraft;
  /** The revision that the caller saw (`If-Match`). */
  readonly expected?: number | undefined;
}

/**
 * Replaces an entry's fields. Writing what is there already records nothing. Refuses as `createEntry` does, with `not_found`
 * for an unknown id, and with `precondition_failed` when the entry has another revision than the caller saw, or gets one
 * in the same moment.
 */
export const updateEntry = async (issuer: AdminIssuer, admin: Administrator, update: UpdateEntry): Promise<Entry> => {
  const before = issuer.views.entries.get(update.id);
  if (!before) throw new Refusal('not_found', 'there is no entry with this id');
  const context = entryContext(issuer);
  requireMayWriteEntry(admin, before, undefined, surroundingsOf(issuer));
  requireRevision(before, update.expected);
  const fields = requireEntry(update.draft, context);
  requireMayWriteEntry(admin, before, fields, surroundingsOf(issuer));
  if (isSame(fieldsOf(before), fields)) return before;
  requireFreeCommonName(issuer, fields);
  const twin = twinOf(issuer, fields);
  if (twin !== undefined && twin.id !== before.id) {
    throw new Refusal('conflict', `the entry ${twin.id} has the same SPIFFE ID, parent and selectors`);
  }
  const { entry, fact } = nextEntry(issuer, admin, before, fields);
  await record(issuer, [fact]);
  return entry;
};

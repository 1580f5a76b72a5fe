import type { Entry } from '../domain/entry.ts';
import type { Revocation } from '../domain/revocation.ts';
import { syncEntry, syncLine, syncRevocation } from '../formats/sync-line.ts';
import { pagesOf } from './slices.ts';

/** How many records one line holds. */
const PAGE = 100;

const linesOf = <T>(items: Iterable<T>, line: (page: readonly T[]) => Buffer): readonly Buffer[] =>
  Array.from(pagesOf(items, PAGE), line);

/** Lines that give an agent these entries. */
export const entryLines = (entries: readonly Entry[]): readonly Buffer[] =>
  linesOf(entries, (page) => syncLine({ type: 'entries', entries: page.map(syncEntry), removed: [] }));

/** Lines that take entries from an agent. */
export const removalLines = (ids: readonly string[]): readonly Buffer[] =>
  linesOf(ids, (removed) => syncLine({ type: 'entries', entries: [], removed }));

/** Lines that put revocations in force. */
export const revocationLines = (revocations: Iterable<Revocation>): readonly Buffer[] =>
  linesOf(revocations, (page) => syncLine({ type: 'revocations', revocations: page.map(syncRevocation), removed: [] }));

/** Lines that release revocations. */
export const releaseLines = (removed: readonly string[]): readonly Buffer[] =>
  linesOf(removed, (page) => syncLine({ type: 'revocations', revocations: [], removed: page }));

import type { Entry } from '../domain/entry.ts';
import type { Revocation } from '../domain/revocation.ts';
import { syncEntry, syncLine, syncRevocation } from '../formats/sync-line.ts';
import { pagesOf } from './slices.ts';

/** Of what one line says. */
const PAGE = 100;

const linesOf = <T>(items: Iterable<T>, line: (page: readonly T[]) => Buffer): readonly Buffer[] =>
  Array.from(pagesOf(items, PAGE), line);

/** Lines that say that entries are an agent's now. */
export const entryLines = (entries: readonly Entry[]): readonly Buffer[] =>
  linesOf(entries, (page) => syncLine({ type: 'entries', entries: page.map(syncEntry), removed: [] }));

/** Lines that say that entries are not. */
export const removalLines = (ids: readonly string[]): readonly Buffer[] =>
  linesOf(ids, (removed) => syncLine({ type: 'entries', entries: [], removed }));

/** Lines that say that revocations are in force. */
export const revocationLines = (revocations: Iterable<Revocation>): readonly Buffer[] =>
  linesOf(revocations, (page) => syncLine({ type: 'revocations', revocations: page.map(syncRevocation), removed: [] }));

/** Lines that say that revocations are not in force any more. */
export const releaseLines = (removed: readonly string[]): readonly Buffer[] =>
  linesOf(removed, (page) => syncLine({ type: 'revocations', revocations: [], removed: page }));

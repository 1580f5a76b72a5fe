import type { SpiffeId } from '../../domain/spiffe-id.ts';
import type { CredentialFilter } from '../../ports/views.ts';
import { belowPrefix, rangeBelow } from './prefix-range.ts';

interface Condition {
  readonly sql: string;
  readonly values: readonly string[];
}

/** As the index gives them: by id where it is asked for one value, by subject over a range of these, which begins at `from`. */
export type HolderRange = Condition & ({ readonly order: 'id' } | { readonly order: 'subject'; readonly from: string });

/** What a row of `holder` has to be, the index that serves the first of the conditions, and the same rows one range after the other. */
export interface HolderConditions extends Condition {
  readonly index: string;
  readonly ranges: readonly HolderRange[];
}

/** One range over both would go through what lies between them, such as `/apps-1` between `/apps` and `/apps/`. */
const prefixRanges = (prefix: SpiffeId): readonly HolderRange[] => {
  const [from, end] = rangeBelow(prefix);
  return [
    { order: 'id', sql: 'subject = ?', values: [prefix] },
    { order: 'subject', from, sql: 'subject < ?', values: [end] },
  ];
};

/** The holders whose credentials a filter asks for; undefined where it asks for those of all. */
export const holderConditions = ({
  spiffeId,
  entry,
  agent,
  prefix,
}: CredentialFilter): HolderConditions | undefined => {
  const indexes: string[] = [];
  const where: string[] = [];
  const values: string[] = [];
  const add = (index: string, sql: string, ...given: readonly string[]): void => {
    indexes.push(index);
    where.push(sql);
    values.push(...given);
  };
  if (spiffeId !== undefined) add('holder_subject', 'subject = ?', spiffeId);
  if (entry !== undefined) add('holder_entry', 'entry = ?', entry);
  if (agent !== undefined) add('holder_agent', 'agent = (SELECT id FROM name WHERE text = ?)', agent);
  const isByPrefix = indexes.length === 0;
  if (prefix !== undefined) {
    const below = belowPrefix('subject', prefix);
    add('holder_subject', below.sql, ...below.values);
  }
  const [index] = indexes;
  if (index === undefined) return undefined;
  const all = { sql: where.join(' AND '), values };
  const ranges = isByPrefix && prefix !== undefined ? prefixRanges(prefix) : [{ ...all, order: 'id' } as const];
  return { ...all, index, ranges };
};

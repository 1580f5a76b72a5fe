import type { CredentialFilter } from '../../ports/views.ts';
import { belowPrefix } from './prefix-range.ts';

/** Conditions on a row of `holder`, and the index that serves the first of them. */
export interface HolderConditions {
  readonly index: string;
  readonly sql: string;
  readonly values: readonly string[];
}

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
  if (prefix !== undefined) {
    const below = belowPrefix('subject', prefix);
    add('holder_subject', below.sql, ...below.values);
  }
  const [index] = indexes;
  return index === undefined ? undefined : { index, sql: where.join(' AND '), values };
};

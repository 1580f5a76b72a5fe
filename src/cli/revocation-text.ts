import type { Preview, Revocation } from './answers.ts';
import { record, time, timeOfSeconds } from './output.ts';

export const revocationText = (revocation: Revocation): string =>
  record([
    ['revocation', revocation.id],
    ['target', `${revocation.target.kind} ${revocation.target.value}`],
    ['effect', revocation.predicates.join(', ')],
    ['reason', revocation.reason],
    ['since', time(revocation.at)],
    ['ledger index', revocation.index],
  ]);

const count = (number: number, one: string): string => `${number} ${number === 1 ? one : `${one}s`}`;

/** What a revocation would hit. */
export const previewText = (preview: Preview): string => {
  const { target, credentials, identities, latestNotAfter, truncated } = preview;
  const kinds = Object.entries(credentials).map(([kind, number]) => count(number, kind));
  const { count: many, first } = identities;
  const rest = many - first.length;
  return record([
    ['target', `${target.kind} ${target.value}`],
    ['would end', `${truncated ? 'at least ' : ''}${kinds.join(', ')}`],
    ['held by', many === 0 ? 'nobody' : [...first, ...(rest > 0 ? [`and ${rest} more`] : [])]],
    ['entries', preview.entries],
    ['agents', preview.agents],
    ['last expiry', latestNotAfter === undefined ? undefined : timeOfSeconds(latestNotAfter)],
    ['in force', preview.inForce.map(({ id, predicates }) => `${id} (${predicates.join(', ')})`)],
  ]);
};

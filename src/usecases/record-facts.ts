import type { Fact } from '../domain/fact.ts';
import { Refusal, type RefusalCode } from '../domain/refusal.ts';
import type { Appended, Ledger } from '../ports/ledger.ts';

export type Committed = Extract<Appended, { status: 'committed' }>;

/**
 * Resolves when the facts are durable, all of them: they stand or fall together. Refuses with the ledger's code, and with
 * `changed` when what they lean on has changed since it was read.
 */
export const recordOr = async (
  changed: RefusalCode,
  { ledger }: { readonly ledger: Ledger },
  facts: readonly Fact[],
): Promise<Committed> => {
  const appended = await ledger.append({ facts });
  if (appended.status === 'committed') return appended;
  if (appended.status === 'changed') throw new Refusal(changed, `the ${appended.what} was changed by someone else`);
  throw new Refusal(appended.code, appended.reason, { reason: appended.reason });
};

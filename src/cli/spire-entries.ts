import { Refusal } from '../domain/refusal.ts';
import type { JsonValue } from '../formats/json.ts';
import { importSpireEntries, type SpireImport } from '../formats/spire-entries.ts';
import { UsageError } from './exit.ts';

/** Whether a file has the form of SPIRE's: its members are written with underscores. */
export const isSpireFile = (value: unknown): boolean => {
  const entries = (value as { readonly entries?: unknown } | null)?.entries;
  if (!Array.isArray(entries)) return false;
  return entries.some((entry) => typeof entry === 'object' && entry !== null && 'spiffe_id' in entry);
};

/** SPIRE's entries in our words. A file that has not their form is a usage error. */
export const fromSpire = (value: unknown): SpireImport => {
  try {
    return importSpireEntries(value as JsonValue);
  } catch (error) {
    if (error instanceof Refusal) throw new UsageError(`not a file of SPIRE entries: ${error.message}`);
    throw error;
  }
};

import { z } from 'zod';
import { UsageError } from './exit.ts';

/** One registration entry as `spire-server entry create -data` reads it. Other members are refused: they would be lost. */
const SpireEntry = z.strictObject({
  entry_id: z.string().optional(),
  spiffe_id: z.string(),
  parent_id: z.string(),
  selectors: z.array(z.strictObject({ type: z.string(), value: z.string() })),
  ttl: z.int().optional(),
  x509_svid_ttl: z.int().optional(),
  jwt_svid_ttl: z.int().optional(),
  federates_with: z.array(z.string()).optional(),
  dns_names: z.array(z.string()).optional(),
  admin: z.boolean().optional(),
  downstream: z.boolean().optional(),
  store_svid: z.boolean().optional(),
  hint: z.string().optional(),
  entryExpiry: z.int().optional(),
  revision_number: z.int().optional(),
  created_at: z.int().optional(),
});

const SpireFile = z.strictObject({ entries: z.array(SpireEntry) });

export interface TakenOver {
  readonly entries: readonly Readonly<Record<string, unknown>>[];
  /** What has no counterpart and was left out, for the operator to know. */
  readonly notes: readonly string[];
}

/** Zero means "the default" there. */
const positive = (value: number | undefined): number | undefined =>
  value === undefined || value <= 0 ? undefined : value;

const domainOf = (id: string): string => id.replace(/^spiffe:\/\//, '').replace(/\/.*$/, '');

const takeOver = (entry: z.output<typeof SpireEntry>): Readonly<Record<string, unknown>> => {
  const isUnderServer = /^spiffe:\/\/[^/]+\/spire\/server$/.test(entry.parent_id);
  const fields = {
    id: entry.entry_id === '' ? undefined : entry.entry_id,
    spiffeId: entry.spiffe_id,
    parentId: isUnderServer ? undefined : entry.parent_id,
    selectors: entry.selectors.map(({ type, value }) => `${type}:${value}`),
    x509Ttl: positive(entry.x509_svid_ttl) ?? positive(entry.ttl),
    jwtTtl: positive(entry.jwt_svid_ttl),
    federatesWith: entry.federates_with?.map(domainOf),
    dnsNames: entry.dns_names,
    downstream: entry.downstream,
    hint: entry.hint === '' ? undefined : entry.hint,
    expiresAt: positive(entry.entryExpiry),
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
};

const notesOf = (entry: z.output<typeof SpireEntry>, at: number): readonly string[] => [
  ...(entry.admin === true ? [`entries[${at}].admin is left out: rights are given here as admin: {role, prefix}`] : []),
  ...(entry.store_svid === true ? [`entries[${at}].store_svid is left out: it has no counterpart here`] : []),
];

/** Whether a file has the form of SPIRE's: its members are written with underscores. */
export const isSpireFile = (value: unknown): boolean => {
  const entries = (value as { readonly entries?: unknown } | null)?.entries;
  if (!Array.isArray(entries)) return false;
  return entries.some((entry) => typeof entry === 'object' && entry !== null && 'spiffe_id' in entry);
};

/** SPIRE's entries in our words. Refuses a file with members that it does not know. */
export const fromSpire = (value: unknown): TakenOver => {
  const parsed = SpireFile.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new UsageError(`not a file of SPIRE entries: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`);
  }
  return { entries: parsed.data.entries.map(takeOver), notes: parsed.data.entries.flatMap(notesOf) };
};

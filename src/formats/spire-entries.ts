import type { EntryDraft } from '../domain/entry-rules.ts';
import { Refusal } from '../domain/refusal.ts';
import { isJsonObject, type JsonObject, type JsonValue } from './json.ts';

/** An entry of another SPIFFE server in our terms. */
export type ImportedEntry = EntryDraft & { readonly id?: string };

export interface SpireImport {
  readonly entries: readonly ImportedEntry[];
  /** What was left behind, each as `entries[0].store_svid: why`. */
  readonly notes: readonly string[];
}

const refuse = (field: string, problem: string): Refusal =>
  new Refusal('invalid_entry', `${field}: ${problem}`, { field });

const SERVER = /^(spiffe:\/\/[^/]+)\/spire\/server$/i;
const AGENT = /^spiffe:\/\/[^/]+\/spire\/agent\//i;

/** An ID as text, or as trust domain and path. Absent and empty are the same, as in every protobuf message. */
const idOf = (value: JsonValue | undefined, field: string): string | undefined => {
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value === 'string') return value;
  if (!isJsonObject(value)) throw refuse(field, 'is not a SPIFFE ID');
  const { trust_domain: trustDomain, path = '' } = value;
  if (typeof trustDomain !== 'string' || typeof path !== 'string') throw refuse(field, 'is not a SPIFFE ID');
  return `spiffe://${trustDomain}${path === '' || path.startsWith('/') ? path : `/${path}`}`;
};

const textsOf = (value: JsonValue | undefined, field: string): readonly string[] => {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw refuse(field, 'is not a list');
  return (value as readonly JsonValue[]).map((one, at) => {
    if (typeof one !== 'string') throw refuse(`${field}[${at}]`, 'is not a string');
    return one;
  });
};

const selectorsOf = (value: JsonValue | undefined, field: string): readonly string[] => {
  if (!Array.isArray(value)) throw refuse(field, 'is not a list of selectors');
  return (value as readonly JsonValue[]).map((selector, at) => {
    if (typeof selector === 'string') return selector;
    const { type, value: text } = isJsonObject(selector) ? selector : {};
    if (typeof type !== 'string' || typeof text !== 'string') throw refuse(`${field}[${at}]`, 'has no type and value');
    return `${type}:${text}`;
  });
};

/** Numbers may be written as strings, as protobuf does with 64 bits; 0 stands for "not given". */
const numberOf = (value: JsonValue | undefined, field: string): number | undefined => {
  const number = typeof value === 'string' && /^[0-9]+$/.test(value) ? Number(value) : value;
  if (number === undefined || number === null || number === 0) return undefined;
  if (typeof number !== 'number') throw refuse(field, 'is not a number');
  return number;
};

const stringOf = (value: JsonValue | undefined, field: string): string | undefined => {
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value !== 'string') throw refuse(field, 'is not a string');
  return value;
};

const READ = new Set(
  (
    'entry_id spiffe_id parent_id selectors ttl x509_svid_ttl jwt_svid_ttl dns_names federates_with downstream hint ' +
    'entry_expiry entryExpiry expires_at'
  ).split(' '),
);
/** What a server writes about its records: it says nothing of what an operator wants. */
const BOOKKEEPING = new Set(['revision_number', 'created_at']);

const isEmpty = (value: JsonValue | undefined): boolean =>
  value === undefined ||
  value === null ||
  value === false ||
  value === '' ||
  value === 0 ||
  (Array.isArray(value) && value.length === 0);

/** Members that have no counterpart here and are not empty. */
const leftBehind = (entry: JsonObject): readonly string[] =>
  Object.entries(entry)
    .filter(([name, value]) => !READ.has(name) && !BOOKKEEPING.has(name) && !isEmpty(value))
    .map(([name]) => {
      if (name === 'admin') return 'admin: write a role and a prefix (admin: {role, prefix}) instead';
      if (name === 'store_svid') return 'store_svid: SVIDs are not stored in outside places';
      return `${name}: unknown`;
    });

/** Their server's ID becomes ours; an agent's stays as it is, with a word about it. */
const parentOf = (entry: JsonObject, field: string, notes: string[]): string | undefined => {
  const parent = idOf(entry['parent_id'], `${field}.parent_id`);
  const server = parent === undefined ? undefined : SERVER.exec(parent);
  if (server) return `${server[1]}/mayfly/server`;
  if (parent !== undefined && AGENT.test(parent)) {
    notes.push(`${field}.parent_id: ${parent} is no agent here; name an agent or an agent group`);
  }
  return parent;
};

/** The same moment in the entry file, in protobuf's own JSON, and in the server's API. */
const EXPIRY_NAMES = ['entry_expiry', 'entryExpiry', 'expires_at'] as const;

const ENTRY_MEMBERS = ['x509Ttl', 'jwtTtl', 'hint', 'expiresAt', 'id', 'parentId'] as const;

const entryOf = (entry: JsonObject, field: string, notes: string[]): ImportedEntry => {
  const spiffeId = idOf(entry['spiffe_id'], `${field}.spiffe_id`);
  if (spiffeId === undefined) throw refuse(`${field}.spiffe_id`, 'is missing');
  for (const note of leftBehind(entry)) notes.push(`${field}.${note}`);
  const x509Name = entry['x509_svid_ttl'] === undefined ? 'ttl' : 'x509_svid_ttl';
  const expiryName = EXPIRY_NAMES.find((name) => !isEmpty(entry[name])) ?? 'entry_expiry';
  const optional = {
    id: stringOf(entry['entry_id'], `${field}.entry_id`),
    parentId: parentOf(entry, field, notes),
    x509Ttl: numberOf(entry[x509Name], `${field}.${x509Name}`),
    jwtTtl: numberOf(entry['jwt_svid_ttl'], `${field}.jwt_svid_ttl`),
    hint: stringOf(entry['hint'], `${field}.hint`),
    expiresAt: numberOf(entry[expiryName], `${field}.${expiryName}`),
  };
  const given = Object.fromEntries(
    ENTRY_MEMBERS.flatMap((name) => (optional[name] === undefined ? [] : [[name, optional[name]]])),
  );
  return {
    ...given,
    spiffeId,
    selectors: selectorsOf(entry['selectors'], `${field}.selectors`),
    dnsNames: textsOf(entry['dns_names'], `${field}.dns_names`),
    federatesWith: textsOf(entry['federates_with'], `${field}.federates_with`),
    downstream: entry['downstream'] === true,
  };
};

/**
 * Reads the JSON that `spire-server entry create -data` takes: `{"entries": [...]}` with protobuf's names, IDs as text or as
 * trust domain and path. Refuses with `invalid_entry` what has the wrong type; what has no counterpart here is named in
 * `notes`, never dropped in silence. The values themselves are judged when the entries are planned.
 */
export const importSpireEntries = (document: JsonValue): SpireImport => {
  const list = isJsonObject(document) ? document['entries'] : undefined;
  if (!Array.isArray(list)) throw refuse('entries', 'is not a list');
  const notes: string[] = [];
  const entries = (list as readonly JsonValue[]).map((entry, at) => {
    if (!isJsonObject(entry)) throw refuse(`entries[${at}]`, 'is not an object');
    return entryOf(entry, `entries[${at}]`, notes);
  });
  return { entries, notes };
};

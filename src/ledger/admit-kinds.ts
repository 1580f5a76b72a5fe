import type { EntryWritten, Fact, FactKind, FactOf, ResourceWritten } from '../domain/fact.ts';
import type { AdmissionReader } from './admission-reader.ts';
import type { AdmissionOverlay } from './admission-overlay.ts';
import { authorityChanged, authorityInstalled, authorityPrepared, keysResealed } from './admit-authorities.ts';
import { adminObjection, grantObjection, refused } from './admit-leans.ts';
import type { Objection } from './admit-leans.ts';
import { conflict } from './kind-rules.ts';
import type { KindRules, Place } from './kind-rules.ts';

const unused = (reader: AdmissionReader, fact: { readonly id: FactOf<'denied'>['id'] }): Objection | undefined =>
  reader.decided(fact.id) ? conflict('this id is on record already') : undefined;

const decide = (state: AdmissionOverlay, fact: { readonly id: FactOf<'denied'>['id'] }): void =>
  state.set('decided', fact.id, true);

const nothing: KindRules<unknown> = { objection: () => undefined, apply: () => {} };

const decision: KindRules<FactOf<'denied'> | FactOf<'denials-aggregated'>> = { objection: unused, apply: decide };

const spend = (state: AdmissionOverlay, fact: FactOf<'attested'> | FactOf<'issued'>, { index }: Place): void => {
  for (const { kind, key, spki } of fact.spends) {
    // The first use counts: who comes again is only sent again what they had.
    const first = state.spent(kind, key) ?? { index, ...(spki !== undefined && { spki }) };
    state.set('spent', `${kind} ${key}`, first);
  }
};

const attested: KindRules<FactOf<'attested'>> = {
  objection: (reader, fact) => unused(reader, fact) ?? grantObjection(reader, fact),
  apply: (state, fact, place) => {
    decide(state, fact);
    spend(state, fact, place);
  },
};

const decided: KindRules<FactOf<'decided'>> = {
  objection: (reader, fact) => unused(reader, fact) ?? grantObjection(reader, fact),
  apply: decide,
};

const issued: KindRules<FactOf<'issued'>> = {
  objection: (reader, fact) =>
    reader.credentialUsed(fact.id) ? conflict('this serial is on record already') : grantObjection(reader, fact),
  apply: (state, fact, place) => {
    state.set('credential', fact.id, {
      index: place.index,
      superseded: false,
      credential: fact.id,
      spiffeId: fact.spiffeId,
      ...(fact.entry !== undefined && { entry: fact.entry }),
      ...(fact.agent !== undefined && { agent: fact.agent }),
    });
    spend(state, fact, place);
  },
};

const commonNameObjection = (reader: AdmissionReader, { entry }: EntryWritten): Objection | undefined => {
  if (entry.commonName === undefined) return undefined;
  const owner = reader.commonNameOwner(entry.commonName);
  return owner === undefined || owner === entry.spiffeId
    ? undefined
    : conflict('the common name belongs to another SPIFFE ID');
};

const revisionObjection = (
  before: { readonly revision: number } | undefined,
  after: { readonly revision: number },
): Objection | undefined => {
  if (!before) return refused('not_found', 'there is no such record');
  return after.revision === before.revision + 1
    ? undefined
    : refused('precondition_failed', 'the record has another revision');
};

const writeEntry = (state: AdmissionOverlay, { entry }: EntryWritten): void => {
  state.set('entry', entry.id, { revision: entry.revision });
  state.set('entryUsed', entry.id, true);
  if (entry.commonName !== undefined) state.set('commonNameOwner', entry.commonName, entry.spiffeId);
};

const entryWritten: KindRules<EntryWritten> = {
  objection: (reader, fact) => {
    const objection = adminObjection(reader, fact.leans);
    if (objection) return objection;
    if (fact.kind === 'entry-updated') {
      return revisionObjection(reader.entry(fact.entry.id), fact.entry) ?? commonNameObjection(reader, fact);
    }
    return reader.entryUsed(fact.entry.id)
      ? conflict('an entry had this id before')
      : commonNameObjection(reader, fact);
  },
  apply: writeEntry,
};

const entryDeleted: KindRules<FactOf<'entry-deleted'>> = {
  objection: (reader, fact) =>
    reader.entry(fact.id) ? adminObjection(reader, fact.leans) : refused('not_found', 'there is no such entry'),
  apply: (state, fact) => state.set('entry', fact.id, undefined),
};

const namesObjection = (reader: AdmissionReader, { resource }: ResourceWritten): Objection | undefined => {
  const taken = resource.names.some(
    (name) => (reader.resourceNamed(name) ?? resource.identifier) !== resource.identifier,
  );
  return taken ? conflict('a logical name belongs to another resource') : undefined;
};

/** Revisions go on over a deletion: what leans on the resource that was deleted must not find it again in the next one. */
const creationObjection = (
  reader: AdmissionReader,
  { resource }: ResourceWritten,
  before: { readonly revision: number } | undefined,
): Objection | undefined => {
  if (before) return conflict('there is a resource with this identifier');
  const isNext = resource.revision === reader.resourceRevision(resource.identifier) + 1;
  return isNext ? undefined : refused('precondition_failed', 'the record has another revision');
};

const resourceWritten: KindRules<ResourceWritten> = {
  objection: (reader, fact) => {
    const before = reader.resource(fact.resource.identifier);
    const objection =
      adminObjection(reader, fact.leans) ??
      (fact.kind === 'resource-updated' ? revisionObjection(before, fact.resource) : undefined);
    if (objection) return objection;
    return (
      (fact.kind === 'resource-created' ? creationObjection(reader, fact, before) : undefined) ??
      namesObjection(reader, fact)
    );
  },
  apply: (state, { resource }) => {
    state.set('resource', resource.identifier, { revision: resource.revision });
    state.set('resourceRevision', resource.identifier, resource.revision);
    for (const name of resource.names) state.set('resourceNamed', name, resource.identifier);
  },
};

const resourceDeleted: KindRules<FactOf<'resource-deleted'>> = {
  objection: (reader, fact) =>
    reader.resource(fact.identifier)
      ? adminObjection(reader, fact.leans)
      : refused('not_found', 'there is no such resource'),
  apply: (state, fact) => state.set('resource', fact.identifier, undefined),
};

const joinTokenCreated: KindRules<FactOf<'join-token-created'>> = {
  objection: (reader, fact) =>
    unused(reader, fact) ??
    (reader.joinTokenHashUsed(fact.hash) ? conflict('this join token is on record already') : undefined),
  apply: (state, fact) => {
    decide(state, fact);
    state.set('joinToken', fact.id, { voided: false });
    state.set('joinTokenHashUsed', fact.hash, true);
  },
};

const revoked: KindRules<FactOf<'revoked'>> = {
  objection: unused,
  apply: (state, fact, { index, time }) => {
    decide(state, fact);
    const { id, target, predicates, reason } = fact;
    state.revoke({ id, target, predicates, index, at: time, reason });
  },
};

const released: KindRules<FactOf<'revocation-released'>> = {
  objection: (reader, fact) =>
    reader.revocations.get(fact.id) ? undefined : refused('not_found', 'no such revocation is in force'),
  apply: (state, fact) => state.release(fact.id),
};

const superseded: KindRules<FactOf<'superseded'>> = {
  objection: (reader, fact) =>
    reader.credential(fact.predecessor) ? undefined : refused('not_found', 'the predecessor is not on record'),
  apply: (state, fact) => {
    const row = state.credential(fact.predecessor);
    if (row) state.set('credential', fact.predecessor, { ...row, superseded: true });
  },
};

const epochOpened: KindRules<FactOf<'epoch-opened'>> = {
  objection: () => conflict('an epoch is opened with the store, never through the ledger'),
  apply: () => {},
};

const RULES: { readonly [K in FactKind]: KindRules<FactOf<K>> } = {
  'epoch-opened': epochOpened,
  'server-started': nothing,
  'server-stopped': nothing,
  attested,
  decided,
  issued,
  denied: decision,
  'denials-aggregated': decision,
  'entry-created': entryWritten,
  'entry-updated': entryWritten,
  'entry-deleted': entryDeleted,
  'resource-created': resourceWritten,
  'resource-updated': resourceWritten,
  'resource-deleted': resourceDeleted,
  'join-token-created': joinTokenCreated,
  revoked,
  'revocation-released': released,
  superseded,
  'agent-purged': nothing,
  'authority-prepared': authorityPrepared,
  'authority-installed': authorityInstalled,
  'authority-activated': authorityChanged((before) => ({ ...before, state: 'active' })),
  'authority-tainted': authorityChanged((before) => ({ ...before, tainted: true })),
  'authority-revoked': authorityChanged((before) => ({ ...before, state: 'revoked' })),
  'authority-gone': authorityChanged((before) => ({ ...before, state: 'gone' })),
  'keys-resealed': keysResealed,
  'details-erased': nothing,
};

/** The rules of the fact's kind. */
export const rulesFor = (fact: Fact): KindRules<Fact> => RULES[fact.kind];

import { isCaPurpose } from '../domain/authority.ts';
import type { AuthorityChanged, FactOf } from '../domain/fact.ts';
import { admittedAuthority, authorityGeneration } from './admission-reader.ts';
import type { AdmissionReader, AdmittedAuthority } from './admission-reader.ts';
import { refused } from './admit-leans.ts';
import type { Objection } from './admit-leans.ts';
import { conflict } from './kind-rules.ts';
import type { KindRules } from './kind-rules.ts';

const wrongState = (why: string): Objection => refused('authority_state', why);

export const authorityPrepared: KindRules<FactOf<'authority-prepared'>> = {
  objection: (reader, { authority }) => {
    if (reader.authority(authority.id)) return conflict('this key is on record already');
    if (reader.generationUsed(authorityGeneration(authority))) return conflict('this generation is on record already');
    return authority.state === 'prepared' ? undefined : wrongState('an authority starts prepared');
  },
  apply: (state, { authority }) => {
    state.set('authority', authority.id, admittedAuthority(authority));
    state.set('generationUsed', authorityGeneration(authority), true);
  },
};

export const authorityInstalled: KindRules<FactOf<'authority-installed'>> = {
  objection: (reader, fact) => {
    const authority = reader.authority(fact.id);
    if (!authority) return refused('not_found', 'there is no such authority');
    const waits = authority.state === 'prepared' && !authority.complete;
    return waits ? undefined : wrongState('the authority does not wait for a certificate');
  },
  apply: (state, fact) => {
    const authority = state.authority(fact.id);
    if (authority) state.set('authority', fact.id, { ...authority, complete: true });
  },
};

type Transition = (
  reader: AdmissionReader,
  fact: AuthorityChanged,
  authority: AdmittedAuthority,
) => Objection | undefined;

const TRANSITIONS: { readonly [K in AuthorityChanged['kind']]: Transition } = {
  'authority-activated': (reader, fact, authority) => {
    if (authority.state !== 'prepared') return wrongState('only a prepared authority becomes active');
    if (!authority.complete) return wrongState('the authority has no certificate yet');
    return reader.activeAuthority(authority.slot) === fact.replaces
      ? undefined
      : { status: 'changed', what: 'authority' };
  },
  'authority-tainted': (_reader, _fact, authority) =>
    authority.tainted || authority.state === 'gone' ? wrongState('the authority is tainted or gone') : undefined,
  'authority-revoked': (_reader, _fact, { state }) =>
    state === 'revoked' || state === 'gone' ? wrongState(`the authority is ${state}`) : undefined,
  // A JWT key whose algorithm was switched off goes as the active one: there is no next.
  'authority-gone': (_reader, _fact, { state, purpose }) =>
    state === 'gone' || (state === 'active' && isCaPurpose(purpose))
      ? wrongState(`the authority is ${state}`)
      : undefined,
};

const authorityObjection = (reader: AdmissionReader, fact: AuthorityChanged): Objection | undefined => {
  const authority = reader.authority(fact.id);
  if (!authority) return refused('not_found', 'there is no such authority');
  if (authority.purpose !== fact.purpose) return wrongState('the authority has another purpose');
  return TRANSITIONS[fact.kind](reader, fact, authority);
};

/** One change of state; `after` says what the authority is then. */
export const authorityChanged = (
  after: (before: AdmittedAuthority) => AdmittedAuthority,
): KindRules<AuthorityChanged> => ({
  objection: authorityObjection,
  apply: (state, fact) => {
    const before = state.authority(fact.id);
    if (!before) return;
    const now = after(before);
    const active = state.activeAuthority(now.slot);
    if (now.state === 'active') {
      const old = active === undefined ? undefined : state.authority(active);
      if (active !== undefined && old) state.set('authority', active, { ...old, state: 'old' });
      state.set('activeAuthority', now.slot, fact.id);
    } else if (active === fact.id) {
      state.set('activeAuthority', now.slot, undefined);
    }
    state.set('authority', fact.id, now);
  },
});

/** Nothing that admission asks of an authority depends on where its private key is. */
export const keysResealed: KindRules<FactOf<'keys-resealed'>> = {
  objection: (reader, { keys }) => {
    const states = keys.map(({ id }) => reader.authority(id)?.state);
    if (states.includes(undefined)) return refused('not_found', 'there is no such authority');
    return states.includes('gone') ? wrongState('the private key of an authority is gone') : undefined;
  },
  apply: () => {},
};

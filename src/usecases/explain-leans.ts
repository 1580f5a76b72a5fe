import type { EntryRevision } from '../domain/entry.ts';
import type { Leans } from '../domain/fact.ts';
import { unixSeconds } from '../domain/instant.ts';
import { credentialStatus } from './credential-status.ts';
import type { Issuer } from './issuer.ts';

type Reader = Pick<Issuer, 'views' | 'clock' | 'follower'>;

/** One thing that a decision leaned on (DEC-4), as it was then and as it is now. */
export interface LeanedOn {
  readonly what:
    | 'caller'
    | 'agent'
    | 'entry'
    | 'agent-group'
    | 'rights'
    | 'resource'
    | 'authority'
    | 'evidence'
    | 'join-token'
    | 'policy';
  readonly id: string;
  readonly revision?: number;
  /** How it stands today, in words. */
  readonly now: string;
}

type Explainer = (issuer: Reader, leans: Leans) => LeanedOn | undefined;

const revisionNow = (then: number, now: number | undefined): string => {
  if (now === undefined) return 'deleted since';
  return now === then ? 'unchanged' : `revision ${now} now`;
};

const caller: Explainer = (issuer, leans) => {
  if (leans.caller === undefined) return undefined;
  const row = issuer.views.credentials.get(leans.caller);
  return {
    what: 'caller',
    id: leans.caller,
    now: row ? `${credentialStatus(issuer, row).state}, ${row.spiffeId}` : 'no longer kept',
  };
};

const agent: Explainer = (issuer, leans) => {
  if (leans.agent === undefined) return undefined;
  const barred = issuer.follower.revocations.barring({ spiffeId: leans.agent });
  return { what: 'agent', id: leans.agent, now: barred ? `barred by revocation ${barred.id}` : 'welcome' };
};

const anEntry = (issuer: Reader, what: LeanedOn['what'], { id, revision }: EntryRevision): LeanedOn => ({
  what,
  id,
  revision,
  now: revisionNow(revision, issuer.views.entries.get(id)?.revision),
});

const entry: Explainer = (issuer, { entry: leaned }) => leaned && anEntry(issuer, 'entry', leaned);

const group: Explainer = (issuer, { group: leaned }) => leaned && anEntry(issuer, 'agent-group', leaned);

const rights: Explainer = (issuer, { rights: leaned }) => leaned && anEntry(issuer, 'rights', leaned);

const resource: Explainer = (issuer, { resource: leaned }) =>
  leaned && {
    what: 'resource',
    id: leaned.identifier,
    revision: leaned.revision,
    now: revisionNow(leaned.revision, issuer.views.resources.get(leaned.identifier)?.revision),
  };

const authority: Explainer = (issuer, leans) => {
  if (leans.authority === undefined) return undefined;
  const held = issuer.follower.authority(leans.authority);
  return {
    what: 'authority',
    id: leans.authority,
    now: held ? `${held.state}${held.tainted ? ', tainted' : ''}, ${held.purpose}` : 'gone',
  };
};

const evidence: Explainer = (_issuer, leans) =>
  leans.evidence === undefined ? undefined : { what: 'evidence', id: leans.evidence, now: 'only its SHA-256 is kept' };

const joinToken: Explainer = (_issuer, leans) =>
  leans.joinToken === undefined ? undefined : { what: 'join-token', id: leans.joinToken, now: 'redeemed' };

const policy: Explainer = (_issuer, leans) => ({ what: 'policy', id: String(leans.policy), now: 'the rules in force' });

const EXPLAINERS: readonly Explainer[] = [
  caller,
  agent,
  entry,
  group,
  rights,
  resource,
  authority,
  evidence,
  joinToken,
  policy,
];

/** Everything a fact leaned on. The follower is brought up to date first. */
export const explainLeans = (issuer: Reader, leans: Leans): readonly LeanedOn[] => {
  issuer.follower.refresh();
  return EXPLAINERS.map((explain) => explain(issuer, leans)).filter((leaned) => leaned !== undefined);
};

/** A moment in words that a person and a program both read: RFC 3339 in UTC. */
export const timeText = (seconds: number): string => new Date(seconds * 1000).toISOString();

/** From now to then: `in 300 s` or `300 s ago`. */
export const distanceText = (issuer: Pick<Issuer, 'clock'>, seconds: number): string => {
  const away = seconds - unixSeconds(issuer.clock.now());
  return away >= 0 ? `in ${away} s` : `${-away} s ago`;
};

import type { Cursor } from '../../src/domain/cursor.ts';
import type { Entry } from '../../src/domain/entry.ts';
import type { Predicate, RevocationTarget } from '../../src/domain/revocation.ts';
import { Refusal } from '../../src/domain/refusal.ts';
import type { SpiffeId } from '../../src/domain/spiffe-id.ts';
import type { ViewPart } from '../../src/agent/synced-view.ts';
import type { SyncEntry } from '../../src/formats/sync-message.ts';
import type { AgentServer } from '../../src/ports/agent-server.ts';
import type { Caller } from '../../src/usecases/authenticate-caller.ts';
import { createJoinToken } from '../../src/usecases/create-join-token.ts';
import type { ItemOutcome } from '../../src/usecases/item-outcome.ts';
import { issueJwtSvids } from '../../src/usecases/issue-jwt-svids.ts';
import { issueX509Svids } from '../../src/usecases/issue-x509-svids.ts';
import { syncBundle } from '../../src/usecases/sync-bundle.ts';
import { attestWith, callerOf, startAttesting, type TestAttesting } from './attesting.ts';
import { TRUST_DOMAIN } from './x509.ts';

/** A server as an agent meets it: the real use cases over a real ledger, called without a network in between. */
export interface AgentWorld {
  readonly it: TestAttesting;
  readonly agent: SpiffeId;
  readonly server: Pick<AgentServer, 'x509Svids' | 'jwtSvids'>;
  /** How often each was called, and with how many items. */
  readonly calls: { readonly x509: number[]; readonly jwt: number[] };
  /** Refuses every call while it stands. */
  outage: Refusal | undefined;
  entry(id: string, changes?: Partial<Entry>): Promise<Entry>;
  remove(id: string): Promise<void>;
  revoke(target: RevocationTarget, ...predicates: readonly Predicate[]): Promise<void>;
  /** Everything that the server would tell this agent now, and the place. */
  state(): { readonly parts: readonly ViewPart[]; readonly cursor: Cursor };
  close(): Promise<void>;
}

export const syncEntry = ({
  id,
  revision,
  spiffeId,
  selectors,
  createdAt,
  x509Ttl,
  jwtTtl,
  dnsNames,
  commonName,
  hint,
  federatesWith,
  expiresAt,
}: Entry): SyncEntry => ({
  id,
  revision,
  spiffeId,
  selectors,
  createdAt,
  ...(x509Ttl !== undefined && { x509Ttl }),
  ...(jwtTtl !== undefined && { jwtTtl }),
  ...(dnsNames.length > 0 && { dnsNames }),
  ...(commonName !== undefined && { commonName }),
  ...(hint !== undefined && { hint }),
  ...(federatesWith.length > 0 && { federatesWith }),
  ...(expiresAt !== undefined && { expiresAt }),
});

const answered = <T, R>(outcomes: readonly ItemOutcome<T>[], of: (value: T) => R) =>
  outcomes.map((outcome) =>
    'value' in outcome
      ? { value: of(outcome.value) }
      : {
          refused: {
            code: outcome.refusal.code,
            detail: outcome.refusal.message,
            ...(outcome.refusal.decisionId !== undefined && { decision: outcome.refusal.decisionId }),
          },
        },
  );

export const startAgentWorld = async (): Promise<AgentWorld> => {
  const it = await startAttesting();
  const { attesting, ledger } = it;
  const { token } = await createJoinToken(attesting, { purpose: { agent: 'node' }, by: 'test' });
  const caller: Caller = callerOf(it, await attestWith(it, 'join_token', { token }));
  const calls = { x509: [] as number[], jwt: [] as number[] };
  const world: AgentWorld = {
    it,
    agent: caller.spiffeId,
    calls,
    outage: undefined,
    server: {
      x509Svids: async (items) => {
        calls.x509.push(items.length);
        if (world.outage) throw world.outage;
        const outcomes = await issueX509Svids(attesting, caller, items, '192.0.2.1');
        return answered(outcomes, ({ id, ...svid }) => ({ serial: id, ...svid }));
      },
      jwtSvids: async (items) => {
        calls.jwt.push(items.length);
        if (world.outage) throw world.outage;
        const outcomes = await issueJwtSvids(attesting, caller, items, '192.0.2.1');
        return answered(outcomes, ({ id, ...svid }) => ({ jti: id, ...svid }));
      },
    },
    entry: (id, changes) => it.entry(id, { parentId: caller.spiffeId, selectors: ['unix:uid:1000'], ...changes }),
    remove: async (id) => {
      const entry = ledger.views.entries.get(id);
      if (!entry) throw new Error(`no entry ${id}`);
      await ledger.ledger.append({
        facts: [{ kind: 'entry-deleted', id, spiffeId: entry.spiffeId, by: 'test', leans: { policy: 1 } }],
      });
    },
    revoke: (target, ...predicates) => it.revoke(target, ...predicates),
    state: () => {
      const { views } = ledger;
      const { epoch, size } = views.log.head();
      return {
        parts: [
          { type: 'entries', entries: [...views.entries.under(caller.spiffeId)].map(syncEntry), removed: [] },
          {
            type: 'revocations',
            revocations: views.revocations
              .active()
              .map(({ id, target, predicates, index }) => ({ id, target, predicates, index })),
            removed: [],
          },
          syncBundle(TRUST_DOMAIN, views.authorities.list(), views.authorities.bundleSequence()),
        ],
        cursor: { epoch, index: size - 1 },
      };
    },
    close: () => it.close(),
  };
  return world;
};

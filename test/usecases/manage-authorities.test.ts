import { generateKeyPairSync } from 'node:crypto';
import type { Authority, AuthorityPurpose } from '../../src/domain/authority.ts';
import { agentId } from '../../src/domain/spiffe-id.ts';
import { publicKeyPem } from '../../src/formats/public-key.ts';
import { tallyLive } from '../../src/usecases/authority-impact.ts';
import {
  listAuthorities,
  planAuthorityOperation,
  runAuthorityOperation,
} from '../../src/usecases/manage-authorities.ts';
import type { AuthorityOperation } from '../../src/usecases/draft-authority-change.ts';
import { bootstrapAuthorities, rotateAuthorities } from '../../src/usecases/rotate-authorities.ts';
import { planX509 } from '../../src/usecases/x509-issuance.ts';
import {
  DAY_MS,
  HOUR_MS,
  openTestAuthorities,
  testPolicy,
  TRUST_DOMAIN,
  type TestAuthorities,
} from '../support/authorities.ts';

let world: TestAuthorities;
beforeEach(async () => {
  world = await openTestAuthorities();
  await bootstrapAuthorities(world.keeper);
});
afterEach(() => world.close());

const manager = () => ({ ...world.keeper, views: world.views });
const onAndOn = (): Promise<void> => Promise.resolve();
const run = (operation: AuthorityOperation, force = false, standAside = onAndOn) =>
  runAuthorityOperation(manager(), operation, { by: 'uid:0', force, standAside });
const plan = (operation: AuthorityOperation, standAside = onAndOn) =>
  planAuthorityOperation(manager(), operation, { by: 'uid:0', standAside });
const states = (purpose: AuthorityPurpose): string[] =>
  listAuthorities(manager())
    .authorities.filter((each) => each.purpose === purpose)
    .map(({ generation, state, tainted }) => `${generation} ${state}${tainted ? ' tainted' : ''}`);
const one = (purpose: AuthorityPurpose, state: Authority['state']): Authority => {
  const found = world.views.authorities.list(purpose).find((each) => each.state === state);
  if (found === undefined) throw new Error(`no ${state} ${purpose}`);
  return found;
};

/** Puts an agent with a live SVID on record. */
const issueToAgent = async (name: string): Promise<void> => {
  const spki = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'der', type: 'spki' });
  const planned = await planX509(
    { ...world, policy: testPolicy(TRUST_DOMAIN) },
    {
      csr: { spki, spkiPem: publicKeyPem(spki), keyType: 'p256' },
      spiffeId: agentId(TRUST_DOMAIN, 'join_token', name),
      role: 'agent',
      ttl: 86_400,
      leans: { policy: 1 },
      spends: [],
    },
  );
  await world.ledger.append({ facts: [planned.issued] });
};

describe('prepare and activate', () => {
  test('a second spare is made; the set never grows above eight (JK-08)', async () => {
    for (let count = 2; count < 8; count += 1) await run({ kind: 'prepare', purpose: 'jwt-svid' });
    expect(states('jwt-svid')).toHaveLength(8);
    await expect(run({ kind: 'prepare', purpose: 'jwt-svid' })).rejects.toMatchObject({ code: 'authority_state' });
  });

  test('names the key that it made, for who wants to activate it', async () => {
    const { changes } = await run({ kind: 'prepare', purpose: 'jwt-svid' });
    const newest = world.views.authorities
      .list()
      .filter(({ purpose }) => purpose === 'jwt-svid')
      .at(-1);
    expect(changes).toEqual([{ kind: 'authority-prepared', id: newest?.id }]);
  });

  test('an algorithm that is not switched on is refused', async () => {
    await expect(run({ kind: 'prepare', purpose: 'jwt-svid', algorithm: 'RS256' })).rejects.toMatchObject({
      code: 'authority_state',
    });
  });

  test('a spare is not activated before its 24 h without force (DEC-22)', async () => {
    const { id } = one('jwt-svid', 'prepared');
    await expect(run({ kind: 'activate', id })).rejects.toMatchObject({ code: 'confirmation_required' });
    expect(states('jwt-svid')).toEqual(['1 active', '2 prepared']);
    world.clock.advance(DAY_MS);
    await run({ kind: 'activate', id });
    expect(states('jwt-svid')).toEqual(['1 old', '2 active', '3 prepared']);
  });

  test('only a prepared authority can be activated, and only one that exists', async () => {
    await expect(run({ kind: 'activate', id: one('jwt-svid', 'active').id })).rejects.toMatchObject({
      code: 'authority_state',
    });
    await expect(run({ kind: 'activate', id: 'nonsense' })).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('JWT keys', () => {
  test('tainted: the spare signs, the old one still verifies', async () => {
    const { id } = one('jwt-svid', 'active');
    await run({ kind: 'taint', id, reason: 'seen in a log' });
    expect(states('jwt-svid')).toEqual(['1 old tainted', '2 active', '3 prepared']);
    expect((await world.keys.jwt('jwt-svid')).authority.generation).toBe(2);
  });

  test('revoked: out of the set at once, the spare signs', async () => {
    const { id } = one('access-token', 'active');
    await run({ kind: 'revoke', id });
    expect(states('access-token')).toEqual(['1 revoked', '2 active', '3 prepared']);
    await expect(run({ kind: 'revoke', id })).rejects.toMatchObject({ code: 'authority_state' });
  });

  test('a revoked spare is replaced', async () => {
    await run({ kind: 'revoke', id: one('jwt-svid', 'prepared').id });
    expect(states('jwt-svid')).toEqual(['1 active', '2 revoked', '3 prepared']);
  });
});

describe('a lost issuing CA (DEC-23)', () => {
  test.each(['taint', 'revoke'] as const)('%s moves everything under the spare root', async (kind) => {
    const lost = one('x509-issuing', 'active');
    await run({ kind, id: lost.id });
    expect(states('x509-root')).toEqual(['1 revoked tainted', '2 active', '3 prepared']);
    expect(states('x509-issuing')).toEqual(['1 old tainted', '2 active']);
    const ca = await world.keys.issuing();
    expect(ca.authority.issuer).toBe(one('x509-root', 'active').id);
  });

  test('while agents hang on it, only by force; the plan says who', async () => {
    await issueToAgent('one');
    await issueToAgent('two');
    const operation: AuthorityOperation = { kind: 'revoke', id: one('x509-issuing', 'active').id };
    const before = world.views.log.head().size;
    let turns = 0;
    const planned = await plan(operation, async () => {
      turns += 1;
    });
    // Others come in between, however many credentials there are.
    expect(turns).toBeGreaterThan(0);
    expect(planned.impact.liveCredentials).toBe(2);
    expect(planned.impact.agentsNotMoved.toSorted()).toEqual([
      'spiffe://example.org/mayfly/agent/join_token/one',
      'spiffe://example.org/mayfly/agent/join_token/two',
    ]);
    expect(planned.changes.map(({ kind: name }) => name)).toEqual([
      'authority-activated',
      'authority-tainted',
      'authority-tainted',
      'authority-revoked',
    ]);
    await expect(run(operation)).rejects.toMatchObject({ code: 'confirmation_required' });
    expect(world.views.log.head().size).toBe(before);
    await run(operation, true);
    await issueToAgent('one');
    const gone = { kind: 'revoke', id: one('x509-root', 'active').id } as const;
    const after = await plan(gone);
    expect(after.impact.agentsNotMoved).toEqual(['spiffe://example.org/mayfly/agent/join_token/one']);
  });

  test('whoever forces does not wait for the count, and hears of those whom it hit', async () => {
    await issueToAgent('one');
    const operation: AuthorityOperation = { kind: 'revoke', id: one('x509-issuing', 'active').id };
    const spare = one('x509-root', 'prepared').id;
    let seen: string | undefined;
    const standAside = async (): Promise<void> => {
      seen ??= one('x509-root', 'active').id;
      await issueToAgent('one');
    };
    const { changes, impact } = await run(operation, true, standAside);
    expect(seen).toBe(spare);
    expect(changes[0]).toEqual({ kind: 'authority-activated', id: spare });
    expect(impact).toMatchObject({ liveCredentials: 1, agentCount: 1 });
  });

  test('what was issued after a place in the log does not count', async () => {
    await issueToAgent('one');
    const { size } = world.views.log.head();
    await issueToAgent('one');
    const { id } = one('x509-issuing', 'active');
    const counted = async (before?: number) => {
      const { credentials, newest } = await tallyLive(manager(), onAndOn, before);
      return [credentials.get(id), [...newest.values()].every(({ index }) => index < size)];
    };
    expect([await counted(size), await counted()]).toEqual([
      [1, true],
      [2, false],
    ]);
  });

  test('what takes nothing away is not counted first', async () => {
    let turns = 0;
    const standAside = async (): Promise<void> => {
      turns += 1;
    };
    await issueToAgent('one');
    await run({ kind: 'taint', id: one('jwt-svid', 'active').id }, false, standAside);
    expect(turns).toBe(0);
  });

  test('what has to be forced is what is recorded, also where another operation came in between', async () => {
    await issueToAgent('one');
    const { id } = one('x509-issuing', 'active');
    let others: Promise<unknown> | undefined;
    const standAside = async (): Promise<void> => {
      others ??= run({ kind: 'revoke', id }, true);
      await others;
    };
    // Its root has gone meanwhile, and whatever hung on it.
    const { changes, warnings } = await run({ kind: 'revoke', id }, false, standAside);
    expect([changes, warnings]).toEqual([[{ kind: 'authority-revoked', id }], []]);
  });

  test('what is not on record is refused before anything is counted', async () => {
    let turns = 0;
    const standAside = async (): Promise<void> => {
      turns += 1;
    };
    await issueToAgent('one');
    await expect(run({ kind: 'revoke', id: 'nonsense' }, true, standAside)).rejects.toMatchObject({
      code: 'not_found',
    });
    expect(turns).toBe(0);
  });

  test('of many agents some are shown, and all are counted', async () => {
    for (let at = 0; at < 101; at += 1) await issueToAgent(`node-${at}`);
    const operation: AuthorityOperation = { kind: 'revoke', id: one('x509-issuing', 'active').id };
    const { impact, warnings } = await plan(operation);
    expect([impact.agentCount, impact.agentsNotMoved.length]).toEqual([101, 100]);
    expect(warnings).toContain('101 agents have not moved and have to come back with their node keys');
  });

  test('without a spare root it is refused: nothing could be issued afterwards', async () => {
    await world.ledger.append({
      facts: [{ kind: 'authority-revoked', id: one('x509-root', 'prepared').id, purpose: 'x509-root', by: 'test' }],
    });
    await expect(run({ kind: 'revoke', id: one('x509-issuing', 'active').id }, true)).rejects.toMatchObject({
      code: 'authority_state',
    });
  });

  test('an old issuing CA under the active root takes the root along too', async () => {
    const { id } = one('x509-issuing', 'active');
    world.clock.advance(6 * DAY_MS);
    await rotateAuthorities(world.keeper);
    world.clock.advance(HOUR_MS);
    await run({ kind: 'revoke', id });
    expect(states('x509-root')).toEqual(['1 revoked tainted', '2 active', '3 prepared']);
    expect(states('x509-issuing')).toEqual(['1 old tainted', '2 old tainted', '3 active']);
  });
});

import type { Issued } from '../../src/domain/fact.ts';
import type { RevocationTarget } from '../../src/domain/revocation.ts';
import { createEntry } from '../../src/usecases/create-entry.ts';
import { deleteEntry } from '../../src/usecases/delete-entry.ts';
import { banAgent, evictAgent, unlockAgent } from '../../src/usecases/manage-agents.ts';
import { previewRevocation } from '../../src/usecases/preview-revocation.ts';
import { showAgent, listAgents } from '../../src/usecases/read-agents.ts';
import { listCredentials, showCredential } from '../../src/usecases/read-credentials.ts';
import { releaseRevocation } from '../../src/usecases/release-revocation.ts';
import { revoke } from '../../src/usecases/revoke.ts';
import {
  entryDraft,
  id,
  openAdministration,
  registrar,
  ROOT,
  type TestAdministration,
} from '../support/administration.ts';
import { codeOf } from '../support/refusals.ts';

let admin: TestAdministration;
beforeEach(async () => {
  admin = await openAdministration();
});
afterEach(() => admin.close());

const identity = (path: string): RevocationTarget => ({ kind: 'identity', value: id(path) });
const prefix = (path: string): RevocationTarget => ({ kind: 'prefix', value: id(path) });
const stateOf = ({ id: serial }: Pick<Issued, 'id'>): string => showCredential(admin, ROOT, serial).status.state;
const outcome = async (changes: Partial<Issued> = {}): Promise<string> => (await admin.issue(changes)).answer.status;

const preview = (target: RevocationTarget) => previewRevocation(admin, ROOT, target, () => Promise.resolve());

const AGENT = id('/mayfly/agent/x509pop/node-1');

describe('revoking', () => {
  test('kills what was issued and stops what would be', async () => {
    // DEC-6, P2
    const held = await admin.issue();
    const { revocation, recorded } = await revoke(admin, ROOT, { target: identity('/web'), mode: 'revoke' });
    expect([recorded, revocation.predicates, revocation.reason]).toEqual([true, ['cutoff', 'block'], 'unspecified']);
    expect(stateOf(held)).toBe('revoked');
    expect((await admin.issue()).answer).toMatchObject({ status: 'refused', code: 'revoked' });
    expect(await outcome({ spiffeId: id('/web2') })).toBe('committed');
  });

  test('with reissue only what was issued is dead', async () => {
    const held = await admin.issue();
    await revoke(admin, ROOT, { target: identity('/web'), mode: 'reissue', reason: 'key_compromise' });
    const next = await admin.issue();
    expect([stateOf(held), next.answer.status, stateOf(next)]).toEqual(['revoked', 'committed', 'valid']);
  });

  test('a hold suspends, and its release gives back', async () => {
    const held = await admin.issue();
    const { revocation } = await revoke(admin, ROOT, { target: identity('/web'), mode: 'hold' });
    expect([revocation.reason, stateOf(held), await outcome()]).toEqual(['certificate_hold', 'revoked', 'refused']);
    expect(await releaseRevocation(admin, ROOT, revocation.id)).toEqual({ left: undefined, recorded: true });
    expect([stateOf(held), await outcome()]).toEqual(['valid', 'committed']);
  });

  test('a release takes back the block and never the cutoff', async () => {
    const held = await admin.issue();
    const { revocation } = await revoke(admin, ROOT, { target: identity('/web'), mode: 'revoke' });
    const { left } = await releaseRevocation(admin, ROOT, revocation.id);
    expect([left?.predicates, stateOf(held), await outcome()]).toEqual([['cutoff'], 'revoked', 'committed']);
    const before = admin.size();
    expect((await releaseRevocation(admin, ROOT, revocation.id)).recorded).toBe(false);
    expect(admin.size()).toBe(before);
  });

  test('a bare cutoff is final', async () => {
    const { revocation } = await revoke(admin, ROOT, { target: identity('/web'), mode: 'reissue' });
    expect(await codeOf(() => releaseRevocation(admin, ROOT, revocation.id))).toBe('conflict');
    expect(await codeOf(() => releaseRevocation(admin, ROOT, admin.newId()))).toBe('not_found');
  });

  test('a prefix means whole segments', async () => {
    const [below, itself, beside] = await Promise.all(
      ['/db/main', '/db', '/dbx'].map((path) => admin.issue({ spiffeId: id(path) })),
    );
    await revoke(admin, ROOT, { target: prefix('/db'), mode: 'revoke' });
    expect([below, itself, beside].map((one) => one && stateOf(one))).toEqual(['revoked', 'revoked', 'valid']);
    expect([await outcome({ spiffeId: id('/db/x/y') }), await outcome({ spiffeId: id('/dbx') })]).toEqual([
      'refused',
      'committed',
    ]);
  });

  test('one credential by its serial, in any spelling, and no other', async () => {
    const [one, other] = [await admin.issue(), await admin.issue({ credential: 'jwt-svid' })];
    const value = one.id.toUpperCase().replaceAll(/(..)(?!$)/g, '$1:');
    const { revocation } = await revoke(admin, ROOT, { target: { kind: 'credential', value }, mode: 'revoke' });
    expect([revocation.target.value, revocation.predicates]).toEqual([one.id, ['cutoff']]);
    expect([stateOf(one), stateOf(other), await outcome()]).toEqual(['revoked', 'valid', 'committed']);
  });

  test('an entry, also one that is deleted', async () => {
    const entry = await createEntry(admin, ROOT, entryDraft());
    const held = await admin.issue({ entry: entry.id });
    await deleteEntry(admin, ROOT, entry.id);
    await revoke(admin, ROOT, { target: { kind: 'entry', value: entry.id }, mode: 'revoke' });
    expect(stateOf(held)).toBe('revoked');
  });
});

describe('revoking again', () => {
  test('without a reason records nothing beside one that names its reason; another reason is another statement', async () => {
    const target = identity('/web');
    const first = await revoke(admin, ROOT, { target, mode: 'revoke', reason: 'key_compromise' });
    expect(await revoke(admin, ROOT, { target, mode: 'revoke' })).toEqual({ ...first, recorded: false });
    expect((await revoke(admin, ROOT, { target, mode: 'reissue' })).recorded).toBe(true);
    expect((await revoke(admin, ROOT, { target, mode: 'revoke', reason: 'superseded' })).recorded).toBe(true);
  });

  test('records nothing while an equal one is in force', async () => {
    await admin.issue();
    const request = { target: identity('/web'), mode: 'revoke' } as const;
    const first = await revoke(admin, ROOT, request);
    const before = admin.size();
    expect(await revoke(admin, ROOT, request)).toEqual({ revocation: first.revocation, recorded: false });
    expect(admin.size()).toBe(before);
  });

  test('a cutoff is renewed when something was issued since', async () => {
    const request = { target: prefix('/db'), mode: 'reissue' } as const;
    await admin.issue({ spiffeId: id('/db/a') });
    await revoke(admin, ROOT, request);
    expect((await revoke(admin, ROOT, request)).recorded).toBe(false);
    const later = await admin.issue({ spiffeId: id('/db/a') });
    expect((await revoke(admin, ROOT, request)).recorded).toBe(true);
    expect(stateOf(later)).toBe('revoked');
  });

  test('another reason or more effect is on record', async () => {
    const target = identity('/web');
    await revoke(admin, ROOT, { target, mode: 'reissue' });
    expect((await revoke(admin, ROOT, { target, mode: 'reissue', reason: 'key_compromise' })).recorded).toBe(true);
    expect((await revoke(admin, ROOT, { target, mode: 'revoke' })).recorded).toBe(true);
  });
});

describe('what cannot be revoked', () => {
  test.each<[string, RevocationTarget, string]>([
    ['no ID', { kind: 'identity', value: 'web' }, 'invalid_request'],
    ['an ID of others', { kind: 'prefix', value: 'spiffe://other.org/a' }, 'invalid_request'],
    ['the server', { kind: 'identity', value: 'spiffe://example.org/mayfly/server' }, 'invalid_request'],
    ['what covers the server', { kind: 'prefix', value: 'spiffe://example.org/mayfly' }, 'invalid_request'],
    ['the whole trust domain', { kind: 'prefix', value: 'spiffe://example.org' }, 'invalid_request'],
    ['an agent that never attested', { kind: 'agent', value: 'spiffe://example.org/mayfly/agent/a/b' }, 'not_found'],
    ['an entry that never was', { kind: 'entry', value: 'nothing' }, 'not_found'],
    ['a serial that never was', { kind: 'credential', value: '01'.repeat(16) }, 'not_found'],
    ['no serial', { kind: 'credential', value: 'xyz' }, 'invalid_request'],
  ])('%s', async (_what, target, code) => {
    const before = admin.size();
    expect(await codeOf(() => revoke(admin, ROOT, { target, mode: 'revoke' }))).toBe(code);
    expect(await codeOf(() => preview(target))).toBe(code);
    expect(admin.size()).toBe(before);
  });

  test('with a reason that contradicts the mode', async () => {
    const target = identity('/web');
    const held = { target, mode: 'hold', reason: 'key_compromise' } as const;
    expect(await codeOf(() => revoke(admin, ROOT, held))).toBe('invalid_request');
    const cut = { target, mode: 'revoke', reason: 'certificate_hold' } as const;
    expect(await codeOf(() => revoke(admin, ROOT, cut))).toBe('invalid_request');
  });

  test('beyond the prefix of the administrator', async () => {
    // DEC-28
    const team = registrar('/team');
    const credential = (await admin.issue()).id;
    for (const target of [identity('/web'), prefix('/teams'), { kind: 'credential', value: credential } as const]) {
      expect(await codeOf(() => revoke(admin, team, { target, mode: 'revoke' }))).toBe('forbidden');
    }
    expect((await revoke(admin, team, { target: identity('/team/web'), mode: 'revoke' })).recorded).toBe(true);
    const { revocation } = await revoke(admin, ROOT, { target: identity('/web'), mode: 'hold' });
    expect(await codeOf(() => releaseRevocation(admin, team, revocation.id))).toBe('forbidden');
  });
});

test('a preview counts what would be hit', async () => {
  await admin.attest();
  await createEntry(admin, ROOT, entryDraft({ spiffeId: id('/db/a') }));
  await admin.issue({ spiffeId: id('/db/a'), agent: AGENT });
  await admin.issue({ spiffeId: id('/db/b'), agent: AGENT, credential: 'access-token' });
  await admin.issue({ spiffeId: id('/dbx') });
  await admin.issue({ spiffeId: AGENT, role: 'agent', agent: AGENT });
  const before = admin.size();
  expect(await preview(prefix('/db'))).toMatchObject({
    credentials: { 'x509-svid': 1, 'jwt-svid': 0, 'access-token': 1 },
    identities: { count: 2, first: [id('/db/a'), id('/db/b')] },
    entries: 1,
    agents: 0,
    truncated: false,
    inForce: [],
  });
  expect(await preview({ kind: 'agent', value: AGENT })).toMatchObject({
    credentials: { 'x509-svid': 2, 'access-token': 1 },
    agents: 1,
  });
  expect(admin.size()).toBe(before);
  admin.clock.advance(2 * 3_600_000);
  expect((await preview(prefix('/db'))).identities.count).toBe(0);
});

describe('agents', () => {
  test('are banned with all that came through them, until released', async () => {
    // DEC-6
    await admin.attest();
    const own = await admin.issue({ spiffeId: AGENT, role: 'agent' });
    const through = await admin.issue({ agent: AGENT });
    const { revocation } = await banAgent(admin, ROOT, AGENT, 'key_compromise');
    expect([stateOf(own), stateOf(through), await outcome({ agent: AGENT })]).toEqual([
      'revoked',
      'revoked',
      'refused',
    ]);
    expect(showAgent(admin, ROOT, AGENT).banned?.id).toBe(revocation.id);
    await releaseRevocation(admin, ROOT, revocation.id);
    expect(await outcome({ agent: AGENT })).toBe('committed');
    expect(showAgent(admin, ROOT, AGENT).banned).toBeUndefined();
  });

  test('are evicted, and may come back', async () => {
    await admin.attest();
    const own = await admin.issue({ spiffeId: AGENT, role: 'agent' });
    await evictAgent(admin, ROOT, AGENT);
    expect([stateOf(own), await outcome({ spiffeId: AGENT, role: 'agent' })]).toEqual(['revoked', 'committed']);
  });

  test('are unlocked after a clone was seen', async () => {
    // DEC-12
    await admin.attest();
    const target = { kind: 'identity', value: AGENT } as const;
    await admin.ledger.append({
      facts: [{ kind: 'revoked', id: admin.newId(), target, predicates: ['lock'], reason: 'clone', by: 'mayfly' }],
    });
    expect(showAgent(admin, ROOT, AGENT).locked?.reason).toBe('clone');
    expect(await unlockAgent(admin, ROOT, AGENT)).toHaveLength(1);
    expect(showAgent(admin, ROOT, AGENT).locked).toBeUndefined();
    expect(await codeOf(() => unlockAgent(admin, ROOT, AGENT))).toBe('conflict');
  });

  test('are listed by page, each once, without their keys', async () => {
    for (const name of ['a', 'b', 'a', 'c']) {
      await admin.attest({ spiffeId: id(`/mayfly/agent/x509pop/${name}`), nodeKey: 'secret-key' });
    }
    const first = listAgents(admin, ROOT, { limit: 2 });
    const second = listAgents(admin, ROOT, { limit: 2, after: first.next ?? '' });
    const names = [...first.agents, ...second.agents].map(({ spiffeId }) => spiffeId.slice(-1));
    expect([names, second.next]).toEqual([['a', 'b', 'c'], undefined]);
    expect(JSON.stringify(first)).not.toContain('secret-key');
  });

  test('beyond the prefix are not named, not even as the end of a page', async () => {
    // DEC-28
    for (const name of ['a', 'b', 'c', 'd']) await admin.attest({ spiffeId: id(`/mayfly/agent/x509pop/${name}`) });
    expect(listAgents(admin, registrar('/team'), { limit: 2 })).toEqual({ agents: [] });
    const one = listAgents(admin, registrar('/mayfly/agent/x509pop/c'), { limit: 1 });
    expect([one.agents.map(({ spiffeId }) => spiffeId), one.next]).toEqual([
      [id('/mayfly/agent/x509pop/c')],
      id('/mayfly/agent/x509pop/c'),
    ]);
    expect(await codeOf(() => unlockAgent(admin, registrar('/team'), AGENT))).toBe('forbidden');
  });
});

test('credentials are listed newest first, within the prefix and time asked for', async () => {
  for (const path of ['/a', '/b/c', '/b', '/bx']) {
    await admin.issue({ spiffeId: id(path) });
    admin.clock.advance(1000);
  }
  const paths = (query = {}, who = ROOT) =>
    listCredentials(admin, who, query, { limit: 10 }).map(({ spiffeId }) =>
      spiffeId.slice('spiffe://example.org'.length),
    );
  expect(paths()).toEqual(['/bx', '/b', '/b/c', '/a']);
  expect(paths({ prefix: id('/b') })).toEqual(['/b', '/b/c']);
  expect(paths({}, registrar('/b'))).toEqual(['/b', '/b/c']);
  expect(() => paths({ prefix: id('/a') }, registrar('/b'))).toThrow('prefix');
  admin.clock.advance(3_596_000);
  expect(paths({ live: true })).toEqual(['/bx', '/b', '/b/c']);
  expect(await codeOf(() => showCredential(admin, ROOT, admin.newId()))).toBe('not_found');
});

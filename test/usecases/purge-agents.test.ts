import type { SpiffeId } from '../../src/domain/spiffe-id.ts';
import { unixSeconds } from '../../src/domain/instant.ts';
import { PresenceBoard } from '../../src/usecases/agent-presence.ts';
import { countStopped, deadAgents, purgeAgents } from '../../src/usecases/purge-agents.ts';
import { listAgents } from '../../src/usecases/read-agents.ts';
import { id, openAdministration, registrar, ROOT, type TestAdministration } from '../support/administration.ts';

let admin: TestAdministration;
beforeEach(async () => {
  admin = await openAdministration();
});
afterEach(() => admin.close());

const agent = (name: string): SpiffeId => id(`/mayfly/agent/x509pop/${name}`);
const standAside = (): Promise<void> => Promise.resolve();

/** An agent whose SVID ends so many seconds from now; the node key counts until `renewUntil`. */
const anAgent = async (
  name: string,
  endsIn: number,
  nodeKey: { nodeKey: string; renewUntil: number } | object = {},
) => {
  const now = unixSeconds(admin.clock.now());
  const attestation = await admin.attest({ spiffeId: agent(name), renewUntil: now - 1, ...nodeKey });
  const life = { notBefore: now + endsIn - 86_400, notAfter: now + endsIn };
  await admin.issue({ spiffeId: agent(name), role: 'agent', attestation: attestation.id, ...life });
};

const DAY = 86_400;
const names = (agents: readonly SpiffeId[]): readonly (string | undefined)[] =>
  agents.map((each) => each.split('/').at(-1));

const presence = (board = new PresenceBoard()) => ({
  of: (agents: readonly SpiffeId[]) => Promise.resolve(board.of(agents)),
  connected: () => Promise.resolve(board.connected()),
});

describe('dead agents', () => {
  beforeEach(async () => {
    const now = unixSeconds(admin.clock.now());
    await anAgent('alive', 3600);
    await anAgent('expired', -10);
    await anAgent('comes-back', -10, { nodeKey: 'AA==', renewUntil: now + 10 });
    await anAgent('came-late', -31 * DAY, { nodeKey: 'AA==', renewUntil: now - 10 });
    await anAgent('renewed-long', -5 * DAY, { nodeKey: 'AA==', renewUntil: now - 300 * DAY });
  });

  test('are those that nothing brings back but new evidence', async () => {
    // DEC-13
    const before = admin.size();
    expect(names(await deadAgents(admin, ROOT, standAside))).toEqual(['came-late', 'expired']);
    expect(admin.size()).toBe(before);
  });

  test('go off the list, on record', async () => {
    expect(names(await purgeAgents(admin, ROOT, standAside))).toEqual(['came-late', 'expired']);
    const left = listAgents(admin, ROOT, { limit: 10 }).agents.map(({ spiffeId }) => spiffeId);
    expect(names(left)).toEqual(['alive', 'comes-back', 'renewed-long']);
    expect(admin.views.log.at(admin.size() - 1)?.fact).toMatchObject({ kind: 'agent-purged', by: 'uid:0' });
    expect(await purgeAgents(admin, ROOT, standAside)).toEqual([]);
  });

  test('are agents again once they attest anew', async () => {
    await purgeAgents(admin, ROOT, standAside);
    await anAgent('expired', 3600);
    const left = listAgents(admin, ROOT, { limit: 10 }).agents.map(({ spiffeId }) => spiffeId);
    expect(names(left)).toContain('expired');
  });

  test('stay when they attest while they are purged', async () => {
    const before = admin.views.attestations.newest(agent('expired'));
    await anAgent('expired', 3600);
    const purged = { kind: 'agent-purged', agent: agent('expired'), by: 'uid:0' } as const;
    await admin.ledger.append({ facts: [{ ...purged, attestation: before?.id ?? admin.newId() }] });
    const left = listAgents(admin, ROOT, { limit: 10 }).agents.map(({ spiffeId }) => spiffeId);
    expect(names(left)).toContain('expired');
  });

  test('outside of an administrator’s prefix are not theirs to purge', async () => {
    expect(await purgeAgents(admin, registrar('/team'), standAside)).toEqual([]);
    expect(names(await deadAgents(admin, registrar('/mayfly/agent/x509pop/expired'), standAside))).toEqual(['expired']);
  });
});

test('who should have renewed and is not connected has stopped; the dead are not counted', async () => {
  const now = unixSeconds(admin.clock.now());
  await anAgent('fresh', DAY - 10);
  await anAgent('late', 3600);
  await anAgent('late-but-here', 3600);
  await anAgent('comes-back', -10, { nodeKey: 'AA==', renewUntil: now + 10 });
  await anAgent('dead', -10);
  const board = new PresenceBoard();
  board.report(0, [{ agent: agent('late-but-here'), stream: 1, since: 1, seen: 2, acknowledged: 3 }]);
  expect(await countStopped(admin, presence(board), standAside)).toBe(2);
});

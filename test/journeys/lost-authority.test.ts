import { type Held, Journey } from '../support/journey.ts';
import { type TestTime, testTime } from '../support/journey-time.ts';

/** DEC-23: an issuing CA or a token key that a thief has. */
interface Authority {
  readonly id: string;
  readonly purpose: string;
  readonly state: string;
  readonly tainted: boolean;
}

let time: TestTime;
let journey: Journey;
let agent: Held;
beforeEach(async () => {
  time = testTime();
  journey = await Journey.start(time);
  agent = await journey.attest({ agent: 'node' });
});
afterEach(() => journey.stop());

const authorities = async (purpose: string): Promise<readonly Authority[]> =>
  (await journey.administer<{ authorities: Authority[] }>('GET', '/v1/admin/authorities')).authorities.filter(
    (each) => each.purpose === purpose,
  );

const activeId = async (purpose: string): Promise<string> =>
  (await authorities(purpose)).find(({ state }) => state === 'active')?.id ?? '';

const operate = (body: object) => journey.administer('POST', '/v1/admin/authorities', body);

const validity = (credential: string): Promise<object> =>
  journey.administer('POST', '/v1/admin/validate', { credential });

test('what revoking it would do is shown first, and nothing is done without consent and force', async () => {
  const id = await activeId('x509-issuing');
  const before = journey.size();
  const plan = await journey.administer('POST', '/v1/admin/authorities/preview', { kind: 'revoke', id });
  expect(plan).toMatchObject({
    changes: [
      { kind: 'authority-activated' },
      { kind: 'authority-tainted' },
      { kind: 'authority-tainted' },
      { kind: 'authority-revoked' },
    ],
    // The agent's and the server's own.
    impact: { liveCredentials: 2, agentsNotMoved: [agent.spiffeId] },
  });
  expect((plan as { warnings: string[] }).warnings).toEqual([
    '2 live credentials stop working',
    '1 agent has not moved and has to come back with its node key',
  ]);
  await expect(operate({ kind: 'revoke', id })).rejects.toMatchObject({ code: 'confirmation_required' });
  await expect(operate({ kind: 'revoke', id, confirm: true })).rejects.toMatchObject({ code: 'confirmation_required' });
  // Only the refusals are on record.
  expect(journey.size() - before).toBe(journey.facts('denied').length);
});

test('with force the spare root takes over, the bundle drops the old one, and what hung on it is refused', async () => {
  const id = await activeId('x509-issuing');
  const [lost] = journey.roots();
  await operate({ kind: 'revoke', id, confirm: true, force: true, reason: 'stolen' });
  const kinds = ['authority-activated', 'authority-tainted', 'authority-revoked'] as const;
  expect(kinds.map((kind) => journey.facts(kind).filter(({ reason }) => reason === 'stolen').length)).toEqual([
    1, 2, 1,
  ]);
  // Another root, another issuing CA, another spare, at once.
  const states = (await authorities('x509-root')).map(({ state }) => state).toSorted();
  expect(states).toEqual(['active', 'prepared', 'revoked']);
  expect(await activeId('x509-issuing')).not.toBe(id);
  // The bundle follows within a second, and so does the server's own certificate: this client trusts the new bundle only.
  await time.pass(1000, 1000);
  expect(journey.roots()).not.toContainEqual(lost);
  expect(journey.roots()).toHaveLength(2);
  const answer = await journey.api(agent, { fresh: true }).postJson('/v1/svids/jwt', { items: [] });
  expect(answer.status).toBe(401);
  expect(await validity(agent.cert)).not.toMatchObject({ status: 'valid' });
  const again = await journey.attest({ agent: 'node-2' });
  expect(await validity(again.cert)).toMatchObject({ status: 'valid' });
});

test('a lost token key is replaced at once; what it signed is refused, and the key set drops it', async () => {
  const id = await activeId('jwt-svid');
  await journey.entry('web', { parentId: agent.spiffeId });
  const item = { audience: ['db'], entryId: 'web' };
  const issue = async (): Promise<string> => {
    const answer = await journey.api(agent).postJson('/v1/svids/jwt', { items: [item] });
    return (answer.json() as unknown as { items: { token: string }[] }).items[0]?.token ?? '';
  };
  const token = await issue();
  expect(await validity(token)).toMatchObject({ status: 'valid' });
  await operate({ kind: 'revoke', id, confirm: true, force: true });
  expect(await validity(token)).not.toMatchObject({ status: 'valid' });
  expect(await validity(await issue())).toMatchObject({ status: 'valid' });
  expect((await journey.public().ask('/keys')).text).not.toContain(id);
  // A spare is out again.
  expect((await authorities('jwt-svid')).filter(({ state }) => state === 'prepared')).toHaveLength(1);
});

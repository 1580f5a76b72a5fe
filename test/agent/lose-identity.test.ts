import { chmodSync, cpSync } from 'node:fs';
import { Journey } from '../support/journey.ts';
import { testTime } from '../support/journey-time.ts';
import { type TestAgent, tokenFor } from '../support/own-agent.ts';
import { greets, idOf, ownAgents } from '../support/own-agents.ts';

/** What an agent does when its server takes its identity back, or stops renewing it (DEC-6, DEC-12). */
const time = testTime();
const { pass } = time;
const MINUTE = 60_000;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

let journey: Journey;
const { newPath, start, stop, stopAll, close } = ownAgents(() => journey, time);

beforeAll(async () => {
  journey = await Journey.start(time);
});

afterEach(stopAll);

afterAll(async () => {
  close();
  await journey.stop();
});

const act = (name: string, what: 'ban' | 'evict' | 'unlock') =>
  journey.administer(
    'POST',
    `/v1/admin/agents/${encodeURIComponent(idOf(name))}/${what}`,
    what === 'unlock' ? undefined : { confirm: true },
  );

const release = async (): Promise<void> => {
  const { revocations } = await journey.administer<{ revocations: { id: string; predicates: string[] }[] }>(
    'GET',
    '/v1/admin/revocations',
  );
  for (const { id, predicates } of revocations) {
    if (predicates.includes('block')) {
      await journey.administer('POST', `/v1/admin/revocations/${id}/release`);
    }
  }
};

/** Two agents with one state: whoever copied the folder. */
const cloned = async (name: string): Promise<{ real: TestAgent; clone: TestAgent; copy: string }> => {
  const path = newPath();
  const copy = newPath();
  const first = await start({ path, evidence: await tokenFor(journey, name) });
  stop(first);
  cpSync(path, copy, { recursive: true });
  chmodSync(copy, 0o700);
  const real = await start({ path });
  await pass(0.51 * DAY, HOUR);
  return { real, clone: await start({ path: copy }), copy };
};

test('a clone is locked out of renewal, and so is the real one, until an operator unlocks them (DEC-12)', async () => {
  const { real, clone } = await cloned('copied');
  expect(real.keeper.status()).toEqual({ state: 'identified' });
  expect(clone.keeper.status()).toMatchObject({ state: 'locked' });
  // It goes on with what it has for as long as that lasts.
  expect([clone.keeper.current()?.spiffeId, clone.heard]).toEqual([idOf('copied'), ['identity', 'locked']]);
  await pass(0.51 * DAY, HOUR);
  expect(real.keeper.status()).toMatchObject({ state: 'locked' });
  expect(real.keeper.current()).toBeDefined();
  stop(clone);
  await act('copied', 'unlock');
  await pass(10 * MINUTE, MINUTE);
  expect(real.keeper.status()).toEqual({ state: 'identified' });
});

test('what is locked is the same SVID: a connection that was opened before hears that it is void', async () => {
  const path = newPath();
  const copy = newPath();
  const first = await start({ path, evidence: await tokenFor(journey, 'watched') });
  cpSync(path, copy, { recursive: true });
  chmodSync(copy, 0o700);
  stop(first);
  const clone = await start({ path: copy });
  const connected = clone.keeper.current();
  const real = await start({ path });
  real.keeper.renewNow();
  await real.keeper.step();
  clone.keeper.renewNow();
  await clone.keeper.step();
  expect([clone.keeper.status().state, clone.keeper.current() === connected]).toEqual(['locked', false]);
  if (connected) clone.keeper.revoked(connected);
  expect([clone.keeper.current(), clone.state.svid()]).toEqual([undefined, undefined]);
});

test('that renewal is locked outlives a restart, so that nothing locks it anew', async () => {
  const { real, clone, copy } = await cloned('locked');
  stop(real);
  stop(clone);
  await act('locked', 'unlock');
  const again = await start({ path: copy });
  expect(again.keeper.status()).toEqual({ state: 'identified' });
  const { agents } = await journey.administer<{ agents: { spiffeId: string; locked?: object }[] }>(
    'GET',
    '/v1/admin/agents',
  );
  expect(agents.find(({ spiffeId }) => spiffeId === idOf('locked'))?.locked).toBeUndefined();
});

test('a ban: everything is forgotten, and it comes back when it is released and proves itself anew', async () => {
  const path = newPath();
  const agent = await start({ path, evidence: await tokenFor(journey, 'banned') });
  const svid = agent.keeper.current();
  const nodeKey = agent.state.nodeKey();
  await act('banned', 'ban');
  await expect(greets(agent)).rejects.toMatchObject({ code: 'unauthenticated' });
  if (svid) agent.keeper.refused(svid);
  await agent.keeper.step();
  expect(agent.heard.slice(2)).toEqual(['void', 'no identity', 'revoked', 'banned']);
  expect([agent.keeper.current(), agent.state.svid()]).toEqual([undefined, undefined]);
  expect(nodeKey && agent.state.nodeKey()?.equals(nodeKey)).toBe(false);
  stop(agent);
  const next = await start({ path, evidence: await tokenFor(journey, 'banned') });
  expect(next.keeper.status().state).toBe('banned');
  await pass(5 * MINUTE, MINUTE);
  expect(next.keeper.status().state).toBe('banned');
  await release();
  await pass(5 * MINUTE, MINUTE);
  expect(next.keeper.status()).toEqual({ state: 'identified' });
  expect(await greets(next)).toBe(true);
});

test('an eviction: what was is void, and evidence makes it the same agent again', async () => {
  const path = newPath();
  const evidence = await tokenFor(journey, 'evicted');
  const agent = await start({ path, evidence });
  const svid = agent.keeper.current();
  const nodeKey = agent.state.nodeKey();
  await act('evicted', 'evict');
  if (svid) agent.keeper.revoked(svid);
  expect(agent.keeper.current()).toBeUndefined();
  await agent.keeper.step();
  // The token was good once.
  expect(agent.keeper.status().state).toBe('unproven');
  stop(agent);
  const again = await start({ path, evidence: await tokenFor(journey, 'evicted') });
  expect(again.keeper.current()?.spiffeId).toBe(idOf('evicted'));
  expect(again.state.nodeKey()?.equals(nodeKey as never)).toBe(false);
  expect(await greets(again)).toBe(true);
});

test('what is taken back while its successor is on the way has none', async () => {
  const asked = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  const agent = await start({
    evidence: await tokenFor(journey, 'overtaken'),
    between: (server) => ({
      ...server,
      attest: (request) => server.attest(request),
      renew: async (csr) => {
        const renewed = await server.renew(csr);
        asked.resolve();
        await goOn.promise;
        return renewed;
      },
    }),
  });
  const svid = agent.keeper.current();
  agent.keeper.renewNow();
  await asked.promise;
  if (svid) agent.keeper.revoked(svid);
  goOn.resolve();
  await agent.keeper.step();
  expect([agent.keeper.current(), agent.state.svid()]).toEqual([undefined, undefined]);
  expect(agent.heard.slice(2, 5)).toEqual(['void', 'no identity', 'revoked']);
});

import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import type { Instant } from '../../src/domain/instant.ts';
import { Refusal } from '../../src/domain/refusal.ts';
import { runAuthorityOperation } from '../../src/usecases/manage-authorities.ts';
import { FORCED } from '../support/authorities.ts';
import { agentForEachTest, freshId } from '../support/agent-holdings.ts';
import type { AgentWorld } from '../support/agent-world.ts';
import { eventually, type ManualTime } from '../support/manual-time.ts';
import { newSvidAgent } from '../support/svid-agent.ts';

/** Real issuance over a real ledger; time passes when told. */

let world: AgentWorld;
let time: ManualTime;
agentForEachTest((...all) => {
  [world, time] = all;
});

describe('at sync', () => {
  test('every entry gets an SVID with a key of its own, in one call', async () => {
    const ids = [freshId(), freshId(), freshId()];
    for (const id of ids) await world.entry(id);
    const agent = newSvidAgent(world, time);
    agent.sync();
    expect(agent.svids.standing(ids[0] ?? '')).toBe('coming');
    await agent.come(...ids);
    expect(world.calls.x509).toEqual([3]);
    const svids = ids.map((id) => agent.held(id));
    expect(svids.map(({ spiffeId }) => spiffeId)).toEqual(ids.map((id) => `spiffe://example.org/${id}`));
    expect(new Set(svids.map(({ key }) => Buffer.from(key).toString('hex'))).size).toBe(3);
    for (const { chain, key } of svids) {
      const leaf = new X509Certificate(chain[0] ?? new Uint8Array());
      const own = createPrivateKey({ key: Buffer.from(key), format: 'der', type: 'pkcs8' });
      expect(leaf.checkPrivateKey(own)).toBe(true);
      expect(createPublicKey(own).asymmetricKeyDetails?.namedCurve).toBe('prime256v1');
    }
    expect(agent.changed.flat().sort()).toEqual([...ids].sort());
  });

  test('more than a hundred are asked for in several calls, within the limit of an agent', async () => {
    const ids = Array.from({ length: 230 }, freshId);
    for (const id of ids) await world.entry(id);
    const agent = newSvidAgent(world, time, { maxHeld: 1000 });
    agent.sync();
    await agent.come(...ids);
    expect(world.calls.x509).toEqual([100, 100, 30]);
  });

  test('entries beyond the bound get theirs when they are wanted, and the one used longest ago goes', async () => {
    const ids = [freshId(), freshId(), freshId()];
    for (const id of ids) await world.entry(id);
    const agent = newSvidAgent(world, time, { maxHeld: 2 });
    agent.sync();
    await eventually(() => agent.svids.all().length === 2);
    const [first, second] = agent.svids.all().map(({ entryId }) => entryId);
    const third = ids.find((id) => id !== first && id !== second) ?? '';
    expect(agent.svids.standing(third)).toBe('coming');
    const release = agent.svids.pin(first ?? '');
    agent.svids.use(third);
    await agent.come(third);
    expect(agent.svids.get(second ?? '')).toBeUndefined();
    expect(agent.held(first ?? '')).toBeDefined();
    release();
    release();
    agent.svids.use(second ?? '');
    await agent.come(second ?? '');
    expect(agent.svids.all()).toHaveLength(2);
    expect(agent.svids.get(first ?? '')).toBeUndefined();
  });

  test('an entry that comes as another goes gets its SVID', async () => {
    const [one, two] = [freshId(), freshId()];
    await world.entry(one);
    const agent = newSvidAgent(world, time);
    agent.sync();
    await agent.come(one);
    await world.remove(one);
    await world.entry(two);
    agent.sync();
    await agent.come(two);
  });

  test('nothing is asked for before the agent has an identity, nor for an entry that has expired', async () => {
    const ends = Math.floor(time.clock.now() / 1000) + 60;
    const [plain, ending] = [freshId(), freshId()];
    await world.entry(plain);
    await world.entry(ending, { expiresAt: ends });
    const agent = newSvidAgent(world, time);
    agent.agent = undefined;
    agent.sync();
    expect(world.calls.x509).toEqual([]);
    agent.agent = world.agent;
    agent.svids.update();
    await agent.come(plain, ending);
    agent.changed.length = 0;
    time.pass(60_000);
    expect(agent.svids.get(ending)).toBeUndefined();
    expect(agent.svids.standing(ending)).toBe('none');
    expect(agent.changed).toEqual([[ending]]);
    expect(agent.svids.get(plain)).toBeDefined();
  });
});

describe('renewal', () => {
  test('falls between 40 and 50 % of life, and the old one serves until the new one is there', async () => {
    const ids = Array.from({ length: 30 }, freshId);
    for (const id of ids) await world.entry(id, { x509Ttl: 1000 });
    const agent = newSvidAgent(world, time);
    agent.sync();
    await agent.come(...ids);
    const before = new Map(ids.map((id) => [id, agent.held(id).credential]));
    world.calls.x509.length = 0;
    time.pass(399_000);
    expect(world.calls.x509).toEqual([]);
    time.pass(101_000);
    for (const id of ids) expect(agent.svids.get(id)).toBeDefined();
    await eventually(() => ids.every((id) => agent.held(id).credential !== before.get(id)));
    expect(world.calls.x509.reduce((sum, items) => sum + items, 0)).toBe(30);
  });

  test('an unanswered server is asked again, later each time, and what is held serves to its end', async () => {
    const id = freshId();
    await world.entry(id, { x509Ttl: 600 });
    const agent = newSvidAgent(world, time);
    agent.sync();
    await agent.come(id);
    const first = agent.held(id).credential;
    world.outage = new Refusal('unavailable', 'no server');
    world.calls.x509.length = 0;
    for (let second = 0; second < 590; second += 1) {
      time.pass(1000);
      await new Promise((resolve) => setImmediate(resolve));
      await new Promise((resolve) => setImmediate(resolve));
      expect(agent.held(id).credential).toBe(first);
    }
    const attempts = world.calls.x509.length;
    expect(attempts).toBeGreaterThan(5);
    expect(attempts).toBeLessThan(40);
    agent.changed.length = 0;
    time.pass(20_000);
    expect(agent.svids.get(id)).toBeUndefined();
    expect(agent.svids.standing(id)).toBe('coming');
    expect(agent.changed).toContainEqual([id]);
    world.outage = undefined;
    // Whoever has nothing does not wait for the next attempt once the server speaks again.
    agent.sync();
    await agent.come(id);
  });

  test('who has many entries knocks no more often at a server that is away than who has one', async () => {
    const ids = Array.from({ length: 40 }, freshId);
    for (const id of ids) await world.entry(id);
    const agent = newSvidAgent(world, time);
    world.outage = new Refusal('unavailable', 'no server');
    agent.sync();
    await eventually(() => world.calls.x509.length === 1);
    for (let second = 0; second < 300; second += 1) {
      time.pass(1000);
      for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(world.calls.x509.length).toBeGreaterThan(5);
    expect(world.calls.x509.length).toBeLessThan(40);
    world.outage = undefined;
    agent.sync();
    await agent.come(...ids);
  });

  test('Retry-After is honoured', async () => {
    const id = freshId();
    await world.entry(id);
    const agent = newSvidAgent(world, time);
    world.outage = new Refusal('rate_limited', 'too many', { retryAfter: 20 });
    agent.sync();
    await eventually(() => world.calls.x509.length === 1);
    await eventually(() => time.waiting() > 0);
    world.outage = undefined;
    time.pass(19_000);
    expect(world.calls.x509).toEqual([1]);
    time.pass(1000);
    await agent.come(id);
    expect(world.calls.x509).toEqual([1, 1]);
  });
});

describe('authorities', () => {
  test('an SVID under an authority that workloads do not know yet is not shown, and one under a lost CA is replaced', async () => {
    const id = freshId();
    await world.entry(id);
    const agent = newSvidAgent(world, time);
    agent.sync();
    await agent.come(id);
    const before = agent.held(id);
    const [ca] = world.it.ledger.views.authorities.list('x509-issuing').filter(({ state }) => state === 'active');
    const spare = world.it.ledger.views.authorities.list('x509-root').find(({ state }) => state === 'prepared');
    const { parts, cursor } = world.state();
    await runAuthorityOperation(world.it.keeper, { kind: 'taint', id: ca?.id ?? '' }, FORCED);
    // The bundle without the spare: what is signed under it waits.
    agent.view.begin(true);
    for (const part of parts) {
      agent.view.tell(
        part.type === 'bundle'
          ? {
              ...part,
              tainted: before.issuers,
              bundle: {
                ...part.bundle,
                x509Authorities: part.bundle.x509Authorities.filter((der) => der !== spare?.certificate),
              },
            }
          : part,
      );
    }
    world.calls.x509.length = 0;
    agent.svids.update(agent.view.commit(cursor));
    await eventually(() => world.calls.x509.length === 1 && time.waiting() > 0);
    for (let turn = 0; turn < 50; turn += 1) await new Promise((go) => setImmediate(go));
    expect(agent.held(id)).toBe(before);
    agent.sync();
    await eventually(() => agent.held(id) !== before);
    expect(agent.held(id).issuers.some((issuer) => before.issuers.includes(issuer))).toBe(false);
  });
});

describe('clocks that differ', () => {
  test.each([
    ['an hour behind', -3_600_000, 1_806_000],
    ['half an hour ahead', 1_800_000, 901_000],
  ])('an agent whose clock is %s renews in time', async (_what, step, half) => {
    const id = freshId();
    await world.entry(id, { x509Ttl: 3600 });
    const { clock } = world.it.ledger;
    // The ledger goes by its own clock.
    const own = { ...clock, now: () => (clock.now() + step) as Instant };
    const agent = newSvidAgent(world, { ...time, clock: own });
    agent.sync();
    await agent.come(id);
    const first = agent.held(id).credential;
    time.pass(half);
    await eventually(() => agent.held(id).credential !== first);
  });
});

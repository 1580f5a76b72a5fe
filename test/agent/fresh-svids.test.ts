import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { FreshSvids } from '../../src/agent/fresh-svids.ts';
import type { HeldSvid } from '../../src/agent/held-svid.ts';
import { InForce } from '../../src/agent/in-force.ts';
import { SyncedView } from '../../src/agent/synced-view.ts';
import { TrustBundles } from '../../src/agent/trust-bundles.ts';
import { Refusal } from '../../src/domain/refusal.ts';
import type { SpiffeId } from '../../src/domain/spiffe-id.ts';
import type { AgentServer } from '../../src/ports/agent-server.ts';
import { runAuthorityOperation } from '../../src/usecases/manage-authorities.ts';
import { silentLogger } from '../support/silent-logger.ts';
import { startAgentWorld, type AgentWorld } from '../support/agent-world.ts';
import { eventually, manualTime, type ManualTime } from '../support/manual-time.ts';

/** Real issuance over a real ledger; time passes when told. */

let world: AgentWorld;
let time: ManualTime;

interface Agent {
  readonly view: SyncedView;
  readonly svids: FreshSvids;
  readonly changed: string[][];
  agent: SpiffeId | undefined;
  /** Tells what the server would tell now. */
  sync(whole?: boolean): void;
  held(id: string): HeldSvid;
  come(...ids: string[]): Promise<void>;
}

const newAgent = (options: { maxHeld?: number; server?: Pick<AgentServer, 'x509Svids'> } = {}): Agent => {
  const view = new SyncedView();
  const changed: string[][] = [];
  const { clock, delays } = time;
  const inForce = new InForce(view, clock, () => agent.agent);
  const svids = new FreshSvids({
    view,
    inForce,
    bundles: new TrustBundles(),
    server: options.server ?? world.server,
    clock,
    delays,
    entropy: world.it.ledger.entropy,
    logger: silentLogger,
    agent: () => agent.agent,
    changed: (ids) => changed.push([...ids].sort()),
    maxHeld: options.maxHeld ?? 100,
  });
  const agent: Agent = {
    view,
    svids,
    changed,
    agent: world.agent,
    sync: () => {
      const { parts, cursor } = world.state();
      view.begin(true);
      for (const part of parts) view.tell(part);
      svids.update(view.commit(cursor));
    },
    held: (id) => {
      const held = svids.get(id);
      if (!held) throw new Error(`no SVID for ${id}`);
      return held;
    },
    come: (...ids) => eventually(() => ids.every((id) => svids.get(id) !== undefined)),
  };
  return agent;
};

let names = 0;
/** An entry id that no other test uses. */
const fresh = (): string => `e${(names += 1)}`;

beforeAll(async () => {
  world = await startAgentWorld();
});
beforeEach(() => {
  // The timers of the test before are gone.
  time = manualTime(world.it.ledger.clock);
});
afterAll(() => world.close());
afterEach(async () => {
  world.outage = undefined;
  world.calls.x509.length = 0;
  for (const { id } of world.it.ledger.views.entries.under(world.agent)) await world.remove(id);
});

describe('at sync', () => {
  test('every entry gets an SVID with a key of its own, in one call', async () => {
    const ids = [fresh(), fresh(), fresh()];
    for (const id of ids) await world.entry(id);
    const agent = newAgent();
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
    const ids = Array.from({ length: 230 }, fresh);
    for (const id of ids) await world.entry(id);
    const agent = newAgent({ maxHeld: 1000 });
    agent.sync();
    await agent.come(...ids);
    expect(world.calls.x509).toEqual([100, 100, 30]);
  });

  test('entries beyond the bound get theirs when they are wanted, and the one used longest ago goes', async () => {
    const ids = [fresh(), fresh(), fresh()];
    for (const id of ids) await world.entry(id);
    const agent = newAgent({ maxHeld: 2 });
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

  test('nothing is asked for before the agent has an identity, nor for an entry that has expired', async () => {
    const ends = Math.floor(time.clock.now() / 1000) + 60;
    const [plain, ending] = [fresh(), fresh()];
    await world.entry(plain);
    await world.entry(ending, { expiresAt: ends });
    const agent = newAgent();
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
    const ids = Array.from({ length: 30 }, fresh);
    for (const id of ids) await world.entry(id, { x509Ttl: 1000 });
    const agent = newAgent();
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
    const id = fresh();
    await world.entry(id, { x509Ttl: 600 });
    const agent = newAgent();
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

  test('Retry-After is honoured', async () => {
    const id = fresh();
    await world.entry(id);
    const agent = newAgent();
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

describe('made anew at once', () => {
  test('when the entry gives something else', async () => {
    const id = fresh();
    const entry = await world.entry(id);
    const agent = newAgent();
    agent.sync();
    await agent.come(id);
    const before = agent.held(id);
    await world.entry(id, { ...entry, revision: 2, x509Ttl: 900 });
    agent.sync();
    // The old one is still good.
    expect(agent.held(id)).toBe(before);
    await eventually(() => agent.held(id).credential !== before.credential);
    expect(agent.held(id).notAfter * 1000 - time.clock.now()).toBeLessThanOrEqual(900_000);
  });

  test('but not for another hint', async () => {
    const id = fresh();
    const entry = await world.entry(id);
    const agent = newAgent();
    agent.sync();
    await agent.come(id);
    world.calls.x509.length = 0;
    await world.entry(id, { ...entry, revision: 2, hint: 'internal' });
    agent.sync();
    expect(world.calls.x509).toEqual([]);
  });

  test('and the old one is gone when the entry gives another SPIFFE ID', async () => {
    const id = fresh();
    const entry = await world.entry(id);
    const agent = newAgent();
    agent.sync();
    await agent.come(id);
    await world.entry(id, { ...entry, revision: 2, spiffeId: `spiffe://example.org/other/${id}` as SpiffeId });
    agent.sync();
    expect(agent.svids.get(id)).toBeUndefined();
    await agent.come(id);
    expect(agent.held(id).spiffeId).toBe(`spiffe://example.org/other/${id}`);
  });

  test('when it is cut off', async () => {
    const id = fresh();
    await world.entry(id);
    const agent = newAgent();
    agent.sync();
    await agent.come(id);
    const before = agent.held(id).credential;
    await world.revoke({ kind: 'entry', value: id }, 'cutoff');
    expect(agent.held(id).credential).toBe(before);
    agent.sync();
    expect(agent.svids.get(id)).toBeUndefined();
    expect(agent.svids.standing(id)).toBe('coming');
    await agent.come(id);
    expect(agent.held(id).credential).not.toBe(before);
  });

  test('when a hold is released', async () => {
    const id = fresh();
    await world.entry(id);
    const agent = newAgent();
    agent.sync();
    await agent.come(id);
    await world.revoke({ kind: 'identity', value: `spiffe://example.org/${id}` }, 'hold');
    agent.sync();
    expect(agent.svids.get(id)).toBeUndefined();
    expect(agent.svids.standing(id)).toBe('none');
    const revoked = world.it.facts('revoked').at(-1);
    await world.it.ledger.ledger.append({
      facts: [{ kind: 'revocation-released', id: revoked?.id ?? ('' as never), by: 'test' }],
    });
    agent.sync();
    await agent.come(id);
  });

  test('when the agent is another one', async () => {
    const id = fresh();
    await world.entry(id);
    const agent = newAgent();
    agent.sync();
    await agent.come(id);
    const before = agent.held(id).credential;
    agent.agent = 'spiffe://example.org/mayfly/agent/join_token/renamed' as SpiffeId;
    agent.svids.update();
    await eventually(() => agent.held(id).credential !== before);
    expect(agent.held(id).agent).toBe(agent.agent);
  });
});

describe('dead', () => {
  test.each([
    ['the identity', (id: string) => ({ kind: 'identity', value: `spiffe://example.org/${id}` }) as const],
    ['a prefix', (id: string) => ({ kind: 'prefix', value: `spiffe://example.org/${id}` }) as const],
    ['the entry', (id: string) => ({ kind: 'entry', value: id }) as const],
  ])('the moment %s is revoked, without a call', async (_what, target) => {
    const [id, other] = [fresh(), fresh()];
    await world.entry(id);
    await world.entry(other);
    const agent = newAgent();
    agent.sync();
    await agent.come(id, other);
    world.calls.x509.length = 0;
    agent.changed.length = 0;
    await world.revoke(target(id), 'cutoff', 'block');
    agent.sync();
    expect(agent.svids.get(id)).toBeUndefined();
    expect(agent.svids.standing(id)).toBe('none');
    expect(agent.svids.get(other)).toBeDefined();
    expect(agent.changed).toEqual([[id]]);
    expect(world.calls.x509).toEqual([]);
  });

  test('the moment its serial is revoked, and another takes its place', async () => {
    const id = fresh();
    await world.entry(id);
    const agent = newAgent();
    agent.sync();
    await agent.come(id);
    const before = agent.held(id).credential;
    await world.revoke({ kind: 'credential', value: before }, 'cutoff');
    agent.sync();
    expect(agent.svids.get(id)).toBeUndefined();
    await agent.come(id);
    expect(agent.held(id).credential).not.toBe(before);
  });

  test('the moment the entry is gone', async () => {
    const id = fresh();
    await world.entry(id);
    const agent = newAgent();
    agent.sync();
    await agent.come(id);
    await world.remove(id);
    agent.sync();
    expect(agent.svids.get(id)).toBeUndefined();
    expect(agent.svids.standing(id)).toBe('none');
    expect(agent.changed.at(-1)).toEqual([id]);
  });

  test('when it was revoked while it was on its way', async () => {
    const id = fresh();
    await world.entry(id);
    const { promise, resolve } = Promise.withResolvers<void>();
    const server: Pick<AgentServer, 'x509Svids'> = {
      x509Svids: async (items) => {
        const answers = await world.server.x509Svids(items);
        await promise;
        return answers;
      },
    };
    const agent = newAgent({ server });
    agent.sync();
    await eventually(() => world.calls.x509.length === 1);
    await eventually(() => world.it.facts('issued').some(({ entry }) => entry === id));
    await world.revoke({ kind: 'entry', value: id }, 'cutoff', 'block');
    agent.sync();
    resolve();
    for (let turn = 0; turn < 20; turn += 1) await new Promise((go) => setImmediate(go));
    expect(agent.svids.get(id)).toBeUndefined();
  });

  test('all of them once the agent is told to forget', async () => {
    const id = fresh();
    await world.entry(id);
    const agent = newAgent();
    agent.sync();
    await agent.come(id);
    agent.view.forget();
    agent.svids.clear();
    expect(agent.svids.all()).toEqual([]);
    expect(agent.svids.get(id)).toBeUndefined();
    expect(agent.changed.at(-1)).toEqual([id]);
    time.pass(4_000_000);
    expect(time.waiting()).toBe(0);
  });
});

describe('refused', () => {
  test('an entry that the server gives nothing for is not asked for again until something changes', async () => {
    const [id, other] = [fresh(), fresh()];
    await world.entry(id);
    await world.entry(other);
    const agent = newAgent();
    const { parts, cursor } = world.state();
    await world.remove(id);
    agent.view.begin(true);
    for (const part of parts) agent.view.tell(part);
    agent.svids.update(agent.view.commit(cursor));
    await agent.come(other);
    await eventually(() => agent.svids.standing(id) === 'none');
    world.calls.x509.length = 0;
    time.pass(200_000);
    expect(world.calls.x509).toEqual([]);
    agent.sync();
    expect(agent.svids.standing(id)).toBe('none');
  });

  test('one that stands alone in its call is told by an error', async () => {
    const id = fresh();
    await world.entry(id);
    const server: Pick<AgentServer, 'x509Svids'> = {
      x509Svids: async () => {
        throw new Refusal('no_identity', 'no entry gives this identity to the caller');
      },
    };
    const agent = newAgent({ server });
    agent.sync();
    await eventually(() => agent.svids.standing(id) === 'none');
  });

  test('an answer for another key or another SPIFFE ID is not taken', async () => {
    const [id, other] = [fresh(), fresh()];
    await world.entry(id);
    await world.entry(other);
    let answers = 0;
    const server: Pick<AgentServer, 'x509Svids'> = {
      x509Svids: async (items) => {
        const given = await world.server.x509Svids(items);
        answers += 1;
        return [...given].reverse();
      },
    };
    const agent = newAgent({ server });
    agent.sync();
    await eventually(() => answers === 1 && agent.svids.standing(id) === 'coming');
    for (let turn = 0; turn < 5; turn += 1) await new Promise((go) => setImmediate(go));
    expect(agent.svids.all()).toEqual([]);
  });
});

describe('authorities', () => {
  test('an SVID under an authority that workloads do not know yet is not shown, and one under a lost CA is replaced', async () => {
    const id = fresh();
    await world.entry(id);
    const agent = newAgent();
    agent.sync();
    await agent.come(id);
    const before = agent.held(id);
    const [ca] = world.it.ledger.views.authorities.list('x509-issuing').filter(({ state }) => state === 'active');
    const spare = world.it.ledger.views.authorities.list('x509-root').find(({ state }) => state === 'prepared');
    const { parts, cursor } = world.state();
    await runAuthorityOperation(world.it.keeper, { kind: 'taint', id: ca?.id ?? '' }, { by: 'test', force: true });
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

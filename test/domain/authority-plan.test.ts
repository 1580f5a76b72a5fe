import * as fc from 'fast-check';
import { AUTHORITY_PURPOSES, type Authority, type AuthorityPurpose, type KeyId } from '../../src/domain/authority.ts';
import { isPublished, isUsable } from '../../src/domain/authority-life.ts';
import { nextAuthorityStep, type AuthorityStep, type PrepareStep } from '../../src/domain/authority-plan.ts';
import {
  authorityPolicyProblems,
  DEFAULT_AUTHORITY_POLICY,
  MAX_KEYS_PER_SET,
  type AuthorityPolicy,
} from '../../src/domain/authority-policy.ts';
import { instant, unixSeconds, type Instant } from '../../src/domain/instant.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const START = instant(1_800_000_000_000);
const at = (ms: number): Instant => instant(START + Math.round(ms));

/** What the ledger does with the facts of steps, with keys that are only names. */
const world = (policy: AuthorityPolicy = DEFAULT_AUTHORITY_POLICY) => {
  const byId = new Map<KeyId, Authority>();
  const steps: { readonly at: Instant; readonly step: AuthorityStep; readonly before: readonly Authority[] }[] = [];
  const all = (): readonly Authority[] => [...byId.values()].filter(({ state }) => state !== 'gone');
  const change = (id: KeyId, over: Partial<Authority>): void => {
    const authority = byId.get(id);
    if (authority === undefined) throw new Error(`no authority ${id}`);
    byId.set(id, { ...authority, ...over });
  };
  const prepare = (step: PrepareStep, now: Instant, over: Partial<Authority> = {}): Authority => {
    const id = `${step.purpose}-${step.algorithm}-${step.generation}` as KeyId;
    if (byId.has(id)) throw new Error(`generation used twice: ${id}`);
    const authority: Authority = {
      ...step,
      id,
      state: 'prepared',
      tainted: false,
      publicKey: id,
      key: { kind: 'sealed', blob: '' },
      preparedAt: now,
      // An issuing CA that nobody here signs has no certificate yet.
      ...((step.purpose === 'x509-root' || step.issuer !== undefined) && { certificate: id }),
      ...over,
    };
    byId.set(id, authority);
    return authority;
  };
  const apply = (step: AuthorityStep, now: Instant): void => {
    if (step.kind === 'prepare') prepare(step, now);
    else if (step.kind === 'gone') change(step.id, { state: 'gone' });
    else {
      if (step.replaces !== undefined) change(step.replaces, { state: 'old', retiredAt: now });
      change(step.id, { state: 'active', activatedAt: now });
    }
  };
  const run = (now: Instant): AuthorityStep[] => {
    const done: AuthorityStep[] = [];
    for (let step = nextAuthorityStep(all(), now, policy); step; step = nextAuthorityStep(all(), now, policy)) {
      if (done.length > 30) throw new Error('the plan never ends');
      steps.push({ at: now, step, before: all() });
      apply(step, now);
      done.push(step);
    }
    return done;
  };
  const active = (purpose: AuthorityPurpose): Authority => {
    const found = all().filter((each) => each.purpose === purpose && each.state === 'active');
    if (found.length !== 1) throw new Error(`${found.length} active for ${purpose}`);
    return found[0] as Authority;
  };
  return { all, change, prepare, run, active, steps, byId };
};

const names = (steps: readonly AuthorityStep[]): string[] =>
  steps.map((step) =>
    step.kind === 'prepare' ? `prepare ${step.purpose}-${step.generation}` : `${step.kind} ${step.id}`,
  );

describe('the first day', () => {
  test('every purpose gets an active key, and every published one a spare (DEC-22)', () => {
    const { run } = world();
    expect(names(run(START))).toEqual([
      'prepare x509-root-1',
      'activate x509-root-ES256-1',
      'prepare x509-root-2',
      'prepare x509-issuing-1',
      'activate x509-issuing-ES256-1',
      'prepare jwt-svid-1',
      'activate jwt-svid-ES256-1',
      'prepare jwt-svid-2',
      'prepare access-token-1',
      'activate access-token-ES256-1',
      'prepare access-token-2',
    ]);
    expect(run(START)).toEqual([]);
    expect(run(at(DAY))).toEqual([]);
  });

  test('a CA is valid further back than any leaf, inside its root (DEC-25)', () => {
    const { run, active } = world();
    run(START);
    const issuing = active('x509-issuing');
    const root = active('x509-root');
    expect(unixSeconds(START) - issuing.notBefore).toBe(3600);
    expect(root.notBefore).toBeLessThanOrEqual(issuing.notBefore);
    expect(root.notAfter).toBeGreaterThanOrEqual(issuing.notAfter);
  });

  test('RS256 beside ES256 has its own active key and spare', () => {
    const algorithms = { ...DEFAULT_AUTHORITY_POLICY.algorithms, 'jwt-svid': ['ES256', 'RS256'] as const };
    const { run, all } = world({ ...DEFAULT_AUTHORITY_POLICY, algorithms });
    run(START);
    const keys = all().filter(({ purpose }) => purpose === 'jwt-svid');
    expect(keys.map(({ algorithm, state, generation }) => `${algorithm} ${state} ${generation}`)).toEqual([
      'ES256 active 1',
      'ES256 prepared 2',
      'RS256 active 3',
      'RS256 prepared 4',
    ]);
  });
});

/** When everything that an authority signed is over, at most. */
const signedUntil = (authority: Authority, retired: Instant): number =>
  Math.min(
    authority.purpose.startsWith('x509') ? authority.notAfter : Number.MAX_SAFE_INTEGER,
    unixSeconds(retired) + (authority.purpose === 'access-token' ? 3600 : 86_400),
  );

describe('400 days', () => {
  const checkMoment = (sim: ReturnType<typeof world>, now: Instant): void => {
    const all = sim.all();
    for (const purpose of AUTHORITY_PURPOSES) {
      const active = sim.active(purpose);
      if (!isUsable(active, all, now)) throw new Error(`the active ${active.id} cannot sign at ${now}`);
      const published = all.filter((each) => each.purpose === purpose && isPublished(each));
      if (published.length > MAX_KEYS_PER_SET) throw new Error(`${published.length} keys for ${purpose}`);
    }
    const issuing = sim.active('x509-issuing');
    const root = sim.byId.get(issuing.issuer as KeyId) as Authority;
    if (issuing.notAfter > root.notAfter || issuing.notBefore < root.notBefore) throw new Error('CA outlives its root');
    if (!isPublished(root)) throw new Error('the issuing CA hangs on a root that is not published');
  };

  const checkSteps = (sim: ReturnType<typeof world>): void => {
    for (const { at: now, step, before } of sim.steps) {
      const authority = step.kind === 'prepare' ? undefined : sim.byId.get(step.id);
      if (step.kind === 'activate' && authority && step.purpose !== 'x509-issuing') {
        const isFresh = now - authority.preparedAt < DAY;
        const hadUsable = before.some((each) => each.id === step.replaces && isUsable(each, before, now));
        if (isFresh && hadUsable) throw new Error(`${step.id} signs too early`);
      }
      if (step.kind === 'gone' && authority?.state === 'gone' && authority.retiredAt !== undefined) {
        const end = signedUntil(authority, authority.retiredAt);
        const children = before.filter((each) => each.issuer === authority.id);
        if (children.length > 0) throw new Error(`root ${authority.id} went before its issuing CA`);
        if (authority.purpose !== 'x509-root' && end > unixSeconds(now)) throw new Error(`${step.id} went too early`);
      }
    }
  };

  const simulate = (outages: readonly (readonly [number, number])[], everyMs: number): ReturnType<typeof world> => {
    const sim = world();
    for (let ms = 0; ms <= 400 * DAY; ms += everyMs) {
      const isDown = outages.some(([from, hours]) => ms >= from * DAY && ms < from * DAY + hours * HOUR && ms > 0);
      if (isDown) continue;
      sim.run(at(ms));
      checkMoment(sim, at(ms));
    }
    checkSteps(sim);
    return sim;
  };

  // DEC-22, JK-06, JK-07, JK-08
  test('without a stop: one active, a spare published for 24 h before it signs, nothing gone too early', () => {
    const sim = simulate([], HOUR);
    const activations = sim.steps.filter(({ step }) => step.kind === 'activate');
    for (const { at: now, step } of activations.slice(4)) {
      if (step.kind !== 'activate' || step.purpose === 'x509-issuing') continue;
      expect(now - (sim.byId.get(step.id) as Authority).preparedAt).toBeGreaterThanOrEqual(DAY);
    }
    const count = (purpose: AuthorityPurpose): number =>
      activations.filter(({ step }) => step.kind === 'activate' && step.purpose === purpose).length;
    expect(AUTHORITY_PURPOSES.map(count)).toEqual([2, 69, 69, 69]);
    expect(sim.byId.get('x509-root-ES256-1' as KeyId)?.state).toBe('gone');
    expect(sim.byId.get('x509-root-ES256-2' as KeyId)?.activatedAt).toBe(at(305 * DAY - 20 * HOUR));
  });

  test('whatever stops and for however long: caught up in order', () => {
    const outage = fc.tuple(fc.integer({ min: 0, max: 399 }), fc.integer({ min: 1, max: 60 * 24 }));
    fc.assert(
      fc.property(fc.array(outage, { maxLength: 8 }), (outages) => {
        simulate(outages, 6 * HOUR);
      }),
      { numRuns: 25 },
    );
  });
});

describe('catching up', () => {
  test('a spare that was published in time takes over after a missed activation, and gets its own spare', () => {
    const { run } = world();
    run(START);
    expect(names(run(at(6.5 * DAY)))).toEqual([
      'prepare x509-issuing-2',
      'activate x509-issuing-ES256-2',
      'activate jwt-svid-ES256-2',
      'prepare jwt-svid-3',
      'activate access-token-ES256-2',
      'prepare access-token-3',
    ]);
  });

  test('after weeks everything is expired: new keys sign at once, and the generation never repeats', () => {
    const { run } = world();
    run(START);
    const done = names(run(at(60 * DAY)));
    expect(done.slice(0, 6)).toEqual([
      'prepare x509-issuing-2',
      'activate x509-issuing-ES256-2',
      'prepare jwt-svid-3',
      'activate jwt-svid-ES256-3',
      'prepare jwt-svid-4',
      'prepare access-token-3',
    ]);
    expect(done).toContain('gone jwt-svid-ES256-2');
    expect(done).not.toContain('gone jwt-svid-ES256-1');
  });

  test('a spare made late still waits its 24 h', () => {
    const { run, change } = world();
    run(START);
    change('jwt-svid-ES256-2' as KeyId, { preparedAt: at(5.5 * DAY) });
    expect(names(run(at(6.2 * DAY)))).not.toContain('activate jwt-svid-ES256-2');
    expect(names(run(at(6.5 * DAY)))).toContain('activate jwt-svid-ES256-2');
  });
});

describe('trouble', () => {
  test('a tainted key is replaced by its spare at once', () => {
    const { run, change } = world();
    run(START);
    change('jwt-svid-ES256-1' as KeyId, { tainted: true });
    expect(names(run(at(HOUR)))).toEqual(['activate jwt-svid-ES256-2', 'prepare jwt-svid-3']);
  });

  test('a tainted spare is replaced and never signs', () => {
    const { run, change } = world();
    run(START);
    change('jwt-svid-ES256-2' as KeyId, { tainted: true });
    expect(names(run(at(HOUR)))).toEqual(['prepare jwt-svid-3']);
    expect(names(run(at(6 * DAY)))).toContain('activate jwt-svid-ES256-3');
  });

  // DEC-23
  test('with its root revoked, an issuing CA is replaced under the spare root', () => {
    const { run, change, active } = world();
    run(START);
    change('x509-root-ES256-1' as KeyId, { state: 'revoked' });
    expect(names(run(at(HOUR)))).toEqual([
      'activate x509-root-ES256-2',
      'prepare x509-root-3',
      'prepare x509-issuing-2',
      'activate x509-issuing-ES256-2',
    ]);
    expect(active('x509-issuing').issuer).toBe('x509-root-ES256-2');
  });
});

describe('roots from outside', () => {
  const root = (generation: number): PrepareStep => ({
    kind: 'prepare',
    purpose: 'x509-root',
    algorithm: 'ES256',
    generation,
    notBefore: 0,
    notAfter: unixSeconds(at(3650 * DAY)),
  });
  const file = { key: { kind: 'file', reference: '/root.key' } } as const;
  const absent = { key: { kind: 'absent' } } as const;

  test('brought: no root is made, the first signs at once, the next after 24 h', () => {
    const { run, prepare } = world({ ...DEFAULT_AUTHORITY_POLICY, root: 'brought' });
    expect(names(run(START)).filter((name) => name.includes('x509'))).toEqual([]);
    prepare(root(1), START, file);
    expect(names(run(at(HOUR)))).toEqual([
      'activate x509-root-ES256-1',
      'prepare x509-issuing-1',
      'activate x509-issuing-ES256-1',
    ]);
    prepare(root(2), at(2 * HOUR), file);
    expect(run(at(25 * HOUR))).toEqual([]);
    expect(names(run(at(26 * HOUR)))).toEqual(['activate x509-root-ES256-2']);
  });

  test('offline: one issuing CA waits for its certificate, and nothing else waits for it', () => {
    const { run, prepare, change } = world({ ...DEFAULT_AUTHORITY_POLICY, root: 'offline' });
    const [first, ...rest] = names(run(START));
    expect([first, rest.length]).toEqual(['prepare x509-issuing-1', 6]);
    const issuing = 'x509-issuing-ES256-1' as KeyId;
    expect(run(at(HOUR))).toEqual([]);
    const { id } = prepare(root(1), at(2 * HOUR), absent);
    change(issuing, { certificate: 'signed', issuer: id, notAfter: unixSeconds(at(7 * DAY)) });
    expect(names(run(at(2 * HOUR)))).toEqual(['activate x509-root-ES256-1', `activate ${issuing}`]);
    expect(run(at(3 * DAY))).toEqual([]);
    expect(names(run(at(4 * DAY)))).toEqual(['prepare x509-issuing-2']);
  });
});

describe('authorityPolicyProblems', () => {
  const { life } = DEFAULT_AUTHORITY_POLICY;
  test('the defaults are sound; lives that are too short and late publication are named', () => {
    expect(authorityPolicyProblems(DEFAULT_AUTHORITY_POLICY)).toEqual([]);
    const broken = {
      ...DEFAULT_AUTHORITY_POLICY,
      prepublish: 60,
      life: { ...life, 'jwt-svid': 3600, 'x509-root': 86_400 },
    };
    expect(authorityPolicyProblems(broken)).toHaveLength(3);
  });
});

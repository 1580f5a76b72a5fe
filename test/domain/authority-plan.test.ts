import * as fc from 'fast-check';
import { AUTHORITY_PURPOSES, type Authority, type AuthorityPurpose, type KeyId } from '../../src/domain/authority.ts';
import { isPublished, isUsable } from '../../src/domain/authority-life.ts';
import { DEFAULT_AUTHORITY_POLICY, MAX_KEYS_PER_SET } from '../../src/domain/authority-policy.ts';
import { unixSeconds, type Instant } from '../../src/domain/instant.ts';
import { at, authorityWorld, DAY, HOUR, START, stepNames } from '../support/authority-world.ts';

describe('the first day', () => {
  test('every purpose gets an active key, and every published one a spare (DEC-22)', () => {
    const { run } = authorityWorld();
    expect(stepNames(run(START))).toEqual([
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
    const { run, active } = authorityWorld();
    run(START);
    const issuing = active('x509-issuing');
    const root = active('x509-root');
    expect(unixSeconds(START) - issuing.notBefore).toBe(3600);
    expect(root.notBefore).toBeLessThanOrEqual(issuing.notBefore);
    expect(root.notAfter).toBeGreaterThanOrEqual(issuing.notAfter);
  });

  test('RS256 beside ES256 has its own active key and spare', () => {
    const algorithms = { ...DEFAULT_AUTHORITY_POLICY.algorithms, 'jwt-svid': ['ES256', 'RS256'] as const };
    const { run, all } = authorityWorld({ ...DEFAULT_AUTHORITY_POLICY, algorithms });
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
  const checkMoment = (sim: ReturnType<typeof authorityWorld>, now: Instant): void => {
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

  const checkSteps = (sim: ReturnType<typeof authorityWorld>): void => {
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

  const simulate = (
    outages: readonly (readonly [number, number])[],
    everyMs: number,
  ): ReturnType<typeof authorityWorld> => {
    const sim = authorityWorld();
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

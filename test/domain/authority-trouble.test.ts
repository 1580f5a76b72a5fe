import type { KeyId } from '../../src/domain/authority.ts';
import type { PrepareStep } from '../../src/domain/authority-plan.ts';
import { DEFAULT_AUTHORITY_POLICY } from '../../src/domain/authority-policy.ts';
import { unixSeconds } from '../../src/domain/instant.ts';
import { at, authorityWorld, DAY, HOUR, START, stepNames } from '../support/authority-world.ts';

describe('catching up', () => {
  test('a spare that was published in time takes over after a missed activation, and gets its own spare', () => {
    const { run } = authorityWorld();
    run(START);
    expect(stepNames(run(at(6.5 * DAY)))).toEqual([
      'prepare x509-issuing-2',
      'activate x509-issuing-ES256-2',
      'activate jwt-svid-ES256-2',
      'prepare jwt-svid-3',
      'activate access-token-ES256-2',
      'prepare access-token-3',
    ]);
  });

  test('after weeks everything is expired: new keys sign at once, and the generation never repeats', () => {
    const { run } = authorityWorld();
    run(START);
    const done = stepNames(run(at(60 * DAY)));
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
    const { run, change } = authorityWorld();
    run(START);
    change('jwt-svid-ES256-2' as KeyId, { preparedAt: at(5.5 * DAY) });
    expect(stepNames(run(at(6.2 * DAY)))).not.toContain('activate jwt-svid-ES256-2');
    expect(stepNames(run(at(6.5 * DAY)))).toContain('activate jwt-svid-ES256-2');
  });
});

describe('trouble', () => {
  test('a tainted key is replaced by its spare at once', () => {
    const { run, change } = authorityWorld();
    run(START);
    change('jwt-svid-ES256-1' as KeyId, { tainted: true });
    expect(stepNames(run(at(HOUR)))).toEqual(['activate jwt-svid-ES256-2', 'prepare jwt-svid-3']);
  });

  test('a tainted spare is replaced and never signs', () => {
    const { run, change } = authorityWorld();
    run(START);
    change('jwt-svid-ES256-2' as KeyId, { tainted: true });
    expect(stepNames(run(at(HOUR)))).toEqual(['prepare jwt-svid-3']);
    expect(stepNames(run(at(6 * DAY)))).toContain('activate jwt-svid-ES256-3');
  });

  // DEC-23
  test('with its root revoked, an issuing CA is replaced under the spare root', () => {
    const { run, change, active } = authorityWorld();
    run(START);
    change('x509-root-ES256-1' as KeyId, { state: 'revoked' });
    expect(stepNames(run(at(HOUR)))).toEqual([
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
    const { run, prepare } = authorityWorld({ ...DEFAULT_AUTHORITY_POLICY, root: 'brought' });
    expect(stepNames(run(START)).filter((name) => name.includes('x509'))).toEqual([]);
    prepare(root(1), START, file);
    expect(stepNames(run(at(HOUR)))).toEqual([
      'activate x509-root-ES256-1',
      'prepare x509-issuing-1',
      'activate x509-issuing-ES256-1',
    ]);
    prepare(root(2), at(2 * HOUR), file);
    expect(run(at(25 * HOUR))).toEqual([]);
    expect(stepNames(run(at(26 * HOUR)))).toEqual(['activate x509-root-ES256-2']);
  });

  test('offline: one issuing CA waits for its certificate, and nothing else waits for it', () => {
    const { run, prepare, change } = authorityWorld({ ...DEFAULT_AUTHORITY_POLICY, root: 'offline' });
    const [first, ...rest] = stepNames(run(START));
    expect([first, rest.length]).toEqual(['prepare x509-issuing-1', 6]);
    const issuing = 'x509-issuing-ES256-1' as KeyId;
    expect(run(at(HOUR))).toEqual([]);
    const { id } = prepare(root(1), at(2 * HOUR), absent);
    change(issuing, { certificate: 'signed', issuer: id, notAfter: unixSeconds(at(7 * DAY)) });
    expect(stepNames(run(at(2 * HOUR)))).toEqual(['activate x509-root-ES256-1', `activate ${issuing}`]);
    expect(run(at(3 * DAY))).toEqual([]);
    expect(stepNames(run(at(4 * DAY)))).toEqual(['prepare x509-issuing-2']);
  });
});

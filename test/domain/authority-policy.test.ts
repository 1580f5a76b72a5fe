import { authorityPolicyProblems, DEFAULT_AUTHORITY_POLICY } from '../../src/domain/authority-policy.ts';

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

import { parseConfig } from '../../src/compose/config.ts';
import { issuancePolicy, type PolicySurroundings } from '../../src/compose/policy.ts';

const configOf = (text: string) => {
  const result = parseConfig({
    text: `trustDomain: example.org\n${text}`,
    folder: '/etc/mayfly',
    environment: {},
    flags: {},
  });
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.config;
};

const policyOf = (text = '', surroundings?: PolicySurroundings) => issuancePolicy(configOf(text), surroundings);

describe('the rules of issuance', () => {
  // design.md §10, DEC-25: nothing is allowed beyond the SPIFFE ID unless it is written
  test('are the defaults when nothing is configured', () => {
    expect(policyOf()).toEqual({
      trustDomain: 'example.org',
      x509Ttl: 3600,
      jwtTtl: 300,
      agentTtl: 86_400,
      agentlessTtl: 600,
      tokenTtl: 300,
      maxSession: 86_400,
      nodeKeyLife: 2_592_000,
      backdate: 10,
      commonNames: [],
      dnsNames: [],
      rs256: false,
      oidcIssuers: [],
    });
  });

  // Each value is another, so that none can stand in for its neighbour.
  test('are each taken from where they are configured', () => {
    const text = `
server:
  ttl: {x509: 31m, jwt: 4m, agent: 12h, agentless: 9m, token: 6m}
  session: {agentless: 5h, nodeKey: 20d}
  backdate: 20s
  names: {commonNames: ['db-*'], dnsNames: ['*.svc.example.org']}
  tokens: {rs256: true}
`;
    expect(policyOf(text)).toMatchObject({
      x509Ttl: 1860,
      jwtTtl: 240,
      agentTtl: 43_200,
      agentlessTtl: 540,
      tokenTtl: 360,
      maxSession: 18_000,
      nodeKeyLife: 1_728_000,
      backdate: 20,
      commonNames: ['db-*'],
      dnsNames: ['*.svc.example.org'],
      rs256: true,
    });
  });

  // DEC-29
  test('name two issuers below the public URL', () => {
    expect(policyOf('', { publicUrl: 'https://id.example.org' })).toMatchObject({
      jwtIssuer: 'https://id.example.org',
      tokenIssuer: 'https://id.example.org/oauth2',
    });
  });

  test('name no issuer without a public URL, also not one that is configured and not in use', () => {
    for (const text of ['', 'server: {public: {url: "https://id.example.org"}}\n']) {
      expect(Object.keys(policyOf(text))).not.toContain('jwtIssuer');
      expect(Object.keys(policyOf(text))).not.toContain('tokenIssuer');
    }
  });

  // DEC-17
  test('say of OIDC issuers whether they have many tenants and who must be pinned, and nothing else', () => {
    const text = `
attestors:
  oidc:
    issuers:
      - {name: one, url: "https://one.example", audiences: [a]}
      - {name: many, url: "https://many.example", audiences: [a], multiTenant: true, ownerClaims: [owner]}
`;
    expect(policyOf(text).oidcIssuers).toEqual([
      { name: 'one', multiTenant: false },
      { name: 'many', multiTenant: true, ownerClaims: ['owner'] },
    ]);
  });

  test('let entries ask for lives of seconds where Mayfly is tried out, and nowhere else', () => {
    expect(policyOf('', { dev: true }).minX509Ttl).toBe(10);
    expect(Object.keys(policyOf('', { dev: false }))).not.toContain('minX509Ttl');
  });
});

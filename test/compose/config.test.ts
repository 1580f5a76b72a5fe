import * as fc from 'fast-check';
import { configProblems, loadConfig, parseConfig } from '../../src/compose/config.ts';
import type { Config, ConfigInput } from '../../src/compose/config.ts';
import { describeProblem } from '../../src/compose/config-problems.ts';

const input = (text: string, more: Partial<ConfigInput> = {}): ConfigInput => ({
  text,
  folder: '/etc/mayfly',
  environment: {},
  flags: {},
  ...more,
});

const parsed = (text: string, more: Partial<ConfigInput> = {}): Config => {
  const result = parseConfig(input(text, more));
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.config;
};

const told = (text: string, more: Partial<ConfigInput> = {}): readonly string[] =>
  configProblems(input(text, more)).map((problem) => describeProblem(problem, 'mayfly.yaml'));

const TD = 'trustDomain: example.org\n';

describe('a configuration', () => {
  test('needs the trust domain and nothing else', () => {
    const { trustDomain, server, attestors } = parsed(TD);
    expect(trustDomain).toBe('example.org');
    expect(attestors).toEqual({});
    // design.md §10 and DEC-21
    expect(server.ttl).toEqual({ x509: 3600, jwt: 300, agent: 86_400, agentless: 600, token: 300 });
    expect(server.session).toEqual({ agentless: 86_400, nodeKey: 2_592_000 });
    expect(server.limits).toMatchObject({ attestPerSource: 10, signPerWorkload: 50, signPerAgent: 500 });
    expect(server.retention).toEqual({ hotRows: 604_800, details: 34_560_000 });
    expect(server.backdate).toBe(10);
    expect(server.names).toEqual({ commonNames: [], dnsNames: [] });
    expect(server.root).toEqual({ kind: 'generated' });
    expect(server.metrics.address).toBe('127.0.0.1');
    expect(server.public.url).toBeUndefined();
  });

  test('takes relative paths from its own folder', () => {
    expect(parsed(`${TD}server: {dataDir: ../data, sealKey: keys/seal}\n`).server).toMatchObject({
      dataDir: '/etc/data',
      sealKey: '/etc/mayfly/keys/seal',
    });
  });

  test('puts flags above environment above file', () => {
    const text = `${TD}server:\n  api: {port: 1000}\n  public: {port: 1001}\n  frontEnds: 3\n`;
    const environment = { MAYFLY_SERVER_API_PORT: '2000', MAYFLY_SERVER_PUBLIC_PORT: '2001' };
    const { server } = parsed(text, { environment, flags: { 'server.api.port': '3000' } });
    expect([server.api.port, server.public.port, server.frontEnds]).toEqual([3000, 2001, 3]);
  });

  test('can come from the environment alone', () => {
    const environment = {
      MAYFLY_TRUST_DOMAIN: 'example.org',
      MAYFLY_SERVER_TTL_X509: '2h',
      MAYFLY_SERVER_DATA_DIR: '/d',
    };
    expect(parsed('', { environment }).server).toMatchObject({ ttl: { x509: 7200 }, dataDir: '/d' });
  });

  test('finds credentials where systemd puts them', () => {
    const environment = { CREDENTIALS_DIRECTORY: '/run/credentials/mayfly.service' };
    const config = parsed(`${TD}server: {sealKey: 'credential:seal'}\n`, { environment });
    expect(config.server.sealKey).toBe('/run/credentials/mayfly.service/seal');
    expect(config.credentials).toBe('/run/credentials/mayfly.service');
    expect(parsed(TD).credentials).toBeUndefined();
  });

  test('maps claims, and takes a name for a list of one', () => {
    const config = parsed(
      `${TD}attestors: {oidc: {issuers: [{name: gh, url: 'https://ci.example/', claims: {repo: repository, ns: [kubernetes.io, namespace]}}]}}\n`,
    );
    expect(config.attestors.oidc?.issuers[0]).toMatchObject({
      url: 'https://ci.example/',
      claims: { repo: ['repository'], ns: ['kubernetes.io', 'namespace'] },
      multiTenant: false,
      private: false,
    });
  });

  test('leaves variables alone that orchestrators make', () => {
    const environment = {
      MAYFLY_SERVER_PORT: 'tcp://10.0.0.1:8443',
      MAYFLY_SERVER_SERVICE_HOST: '10.0.0.1',
      MAYFLY_SERVER_PORT_8443_TCP_ADDR: '10.0.0.1',
      MAYFLY_ADMIN_SOCKET: '/x',
      MAYFLY_CONFIG: '/y',
    };
    expect(told(TD, { environment })).toEqual([]);
  });
});

describe('what is wrong is told', () => {
  test('all at once, with line, reason and what would be right', () => {
    const text = [
      'trustDomain: Example.org',
      'server:',
      '  dataDri: /x',
      '  ttl:',
      '    x509: 90',
      '    jwt: 1x',
      '  api: {port: 99999}',
      '  root: {kind: magic}',
    ].join('\n');
    expect(told(text)).toEqual([
      'mayfly.yaml:1: trustDomain is not the name of a trust domain; right would be: a name of lower-case letters, digits, ".", "-" and "_", like example.org',
      'mayfly.yaml:3: server.dataDri is not a key; right would be: dataDir',
      'mayfly.yaml:5: server.ttl.x509 is a number; right would be: a duration from 5m to 24h, like 90s, 10m, 1h30m or 7d',
      'mayfly.yaml:6: server.ttl.jwt is not a duration; right would be: a duration from 1m to 24h, like 90s, 10m, 1h30m or 7d',
      'mayfly.yaml:7: server.api.port is too large; right would be: a port from 1 to 65535, or 0 for any that is free',
      'mayfly.yaml:8: server.root.kind is none of the words allowed; right would be: generated, files or offline',
    ]);
  });

  test('where it stands: file, environment or command line', () => {
    const environment = { MAYFLY_SERVER_TTL_JWT: '5', MAYFLY_SERVER_API_PRT: '1' };
    const flags = { 'server.api.port': 'x', 'server.metrics': '1', 'server.front': '2', nonsense: '' };
    expect(told(TD, { environment, flags })).toEqual([
      'command line: server.api.port is a text; right would be: a port from 1 to 65535, or 0 for any that is free',
      'environment: MAYFLY_SERVER_TTL_JWT has no unit; right would be: a duration from 1m to 24h, like 90s, 10m, 1h30m or 7d',
      'environment: MAYFLY_SERVER_API_PRT is not known; right would be: MAYFLY_SERVER_API_PORT',
      'command line: server.metrics can only stand in the file',
      'command line: server.front is not a key; right would be: server.frontEnds',
      'command line: nonsense is not a key',
    ]);
  });

  test('without the value, which might be a secret in the wrong place', () => {
    const secret = 'c2VjcmV0LXZhbHVl';
    const text = `${TD}server:\n  sealKey: "-----BEGIN ${secret}"\n  ttl: {x509: ${secret}}\n  ${secret}: {a: 1}\n  frontEnds: ${secret}\n`;
    const problems = configProblems(input(text));
    expect(problems.map(({ reason }) => reason)).toContain('is the secret itself; only a reference may stand here');
    expect(JSON.stringify(problems.filter(({ key }) => !key.includes(secret)))).not.toContain(secret);
  });

  test.each([
    ['no trust domain', 'server: {}\n', 'trustDomain is missing'],
    ['an empty file', '', 'trustDomain is missing'],
    ['a trust domain that YAML reads as a number', 'trustDomain: 1.2\n', 'trustDomain is a number'],
    ['a key without a value', 'trustDomain:\n', 'trustDomain has no value'],
    ['a section without a value', `${TD}server:\n`, 'server has no value'],
    ['a list for a section', `${TD}server: []\n`, 'server is a list'],
    ['a text for a whole file', 'hello\n', 'is a text'],
    ['a text for a number', `${TD}server: {frontEnds: "2"}\n`, 'server.frontEnds is a text'],
    ['no front end', `${TD}server: {frontEnds: 0}\n`, 'server.frontEnds is too small'],
    ['a name for an address', `${TD}server: {api: {address: localhost}}\n`, 'is not an IP address'],
    ['a short life', `${TD}server: {ttl: {x509: 1m}}\n`, 'server.ttl.x509 is shorter than 5m'],
    ['a long life', `${TD}server: {ttl: {token: 2h}}\n`, 'server.ttl.token is longer than 1h'],
    ['a plain http URL', `${TD}server: {public: {url: "http://a"}}\n`, 'is not an https URL'],
    ['a URL with a slash at its end', `${TD}server: {public: {url: "https://a/"}}\n`, 'ends with a slash'],
    ['a URL with a user', `${TD}server: {public: {url: "https://u:p@a"}}\n`, 'holds a user or a password'],
    ['a URL with a query', `${TD}server: {public: {url: "https://a?x"}}\n`, 'holds a query or a fragment'],
    ['no URL', `${TD}server: {public: {url: a}}\n`, 'is not a URL'],
    ['half a certificate', `${TD}server: {public: {certificate: {certFile: a}}}\n`, 'keyFile is missing'],
    ['a credential outside systemd', `${TD}server: {sealKey: "credential:x"}\n`, 'CREDENTIALS_DIRECTORY is not set'],
    ['an empty list of issuers', `${TD}attestors: {oidc: {issuers: []}}\n`, 'issuers has too few members'],
    ['an issuer without a URL', `${TD}attestors: {oidc: {issuers: [{name: a}]}}\n`, 'issuers[0].url is missing'],
    [
      'an issuer whose name has a colon',
      `${TD}attestors: {oidc: {issuers: [{name: "a:b", url: "https://a"}]}}\n`,
      'cannot carry',
    ],
    [
      'a claim that is a number',
      `${TD}attestors: {oidc: {issuers: [{name: a, url: "https://a", claims: {x: 1}}]}}\n`,
      'claims.x is a number',
    ],
  ])('%s', (_, text, reason) => {
    const problems = told(text);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(reason);
  });

  test('a credential whose name leaves the folder', () => {
    const environment = { CREDENTIALS_DIRECTORY: '/run/credentials' };
    expect(told(`${TD}server: {sealKey: "credential:../x"}\n`, { environment })[0]).toContain(
      'is not the name of a credential',
    );
  });

  test('a file that is not there', () => {
    const result = loadConfig('/nowhere/mayfly.yaml', { environment: {}, flags: {} });
    expect(result).toMatchObject({ ok: false, problems: [{ reason: 'does not exist' }] });
  });

  test('a file that cannot be read is not one to make anew', () => {
    const result = loadConfig('/', { environment: {}, flags: {} });
    const problem = { reason: 'cannot be read (EISDIR)', right: 'a file that this user may read' };
    expect(result).toMatchObject({ ok: false, problems: [problem] });
  });
});

describe('YAML that is refused', () => {
  const bomb = [
    'a: &a [x,x,x,x,x,x,x,x,x,x]',
    'b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]',
    'c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]',
  ];

  test.each([
    ['a key twice', `${TD}server: {}\nserver: {}\n`, 3],
    ['a broken line', `${TD}server: {\n`, 3],
    ['a tag of its own', `${TD}server: !secret x\n`, 2],
    ['two documents', `${TD}---\n${TD}`, 2],
    ['aliases that multiply', `${bomb.join('\n')}\nd: [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n`, 1],
    ['more than a megabyte', `${TD}#${'x'.repeat(1024 * 1024)}\n`, 1],
  ])('%s', (_, text, line) => {
    const problems = configProblems(input(text));
    expect(problems.length).toBeGreaterThan(0);
    expect(problems[0]).toMatchObject({ key: '', source: 'file', line });
  });

  test('any text gives a configuration or problems, never an exception', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json(), fc.string({ unit: 'binary' })), (text) => {
        const result = parseConfig(input(text));
        expect(result.ok || result.problems.length > 0).toBe(true);
      }),
      { numRuns: 40 },
    );
  });
});

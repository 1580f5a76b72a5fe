import { configProblems } from '../../src/compose/config.ts';
import { describeProblem } from '../../src/compose/config-problems.ts';

const told = (server: string, attestors = '{}'): readonly string[] =>
  configProblems({
    text: `trustDomain: example.org\nserver: ${server}\nattestors: ${attestors}\n`,
    folder: '/etc/mayfly',
    environment: {},
    flags: {},
  }).map((problem) => describeProblem(problem, 'f'));

describe('keys that do not fit together', () => {
  test.each([
    ['one port for two listeners', '{api: {port: 8444}}', 'server.public.port is the port of server.api too'],
    [
      'metrics for the world',
      '{metrics: {address: 0.0.0.0}}',
      'server.metrics.address is reachable from other machines; right would be: 127.0.0.1',
    ],
    ['metrics for the world, in IPv6', '{metrics: {address: "::"}}', 'right would be: ::1'],
    [
      'a socket path too long',
      `{admin: {socket: /${'x'.repeat(103)}}}`,
      'server.admin.socket is too long for a Unix socket',
    ],
    [
      'a session shorter than one credential',
      '{session: {agentless: 5m}}',
      'server.session.agentless is shorter than server.ttl.agentless (10m)',
    ],
    ['a node key that ends before its agent', '{session: {nodeKey: 1h}}', 'right would be: at least 1d'],
    [
      'details that go before their rows',
      '{retention: {hotRows: 30d, details: 29d}}',
      'server.retention.details is shorter',
    ],
    ['a seal key in the data folder', '{dataDir: /d, sealKey: /d/keys/seal}', 'server.sealKey lies in the data folder'], // DEC-26
    ['files without a certificate', '{root: {kind: files, keyFile: k}}', 'server.root.certFile is missing'],
    ['files without a key', '{root: {kind: files, certFile: c}}', 'server.root.keyFile is missing'],
    [
      'an offline root with a certificate, which `authority install` brings',
      '{root: {kind: offline, certFile: c}}',
      'server.root.certFile is never read',
    ],
    ['an offline root with a key', '{root: {kind: offline, keyFile: k}}', 'server.root.keyFile is never read'],
    ['a generated root with a certificate', '{root: {certFile: c}}', 'server.root.certFile is never read'],
  ])('%s', (_, server, text) => {
    const problems = told(server);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(text);
  });

  test.each([
    [
      'one name twice',
      '[{name: a, url: "https://a"}, {name: a, url: "https://b"}]',
      'issuers[1].name stands at an earlier issuer too',
    ],
    [
      'one URL twice',
      '[{name: a, url: "https://a"}, {name: b, url: "https://a"}]',
      'issuers[1].url stands at an earlier issuer too',
    ],
    [
      'keys from a file, and from elsewhere',
      '[{name: a, url: "https://a", jwksFile: f, hosts: [h]}]',
      'issuers[0].hosts is never used',
    ],
    [
      'owners of an issuer with one tenant',
      '[{name: a, url: "https://a", ownerClaims: [o]}]',
      'issuers[0].ownerClaims is never used',
    ],
  ])('issuers: %s', (_, issuers, text) => {
    const problems = told('{}', `{oidc: {issuers: ${issuers}}}`);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(text);
  });

  test('several at once, in the order of their lines', () => {
    expect(told('{metrics: {address: 10.0.0.1}, root: {kind: files}}')).toHaveLength(3);
  });

  test('free ports may be many, and a folder beside the data is outside it', () => {
    expect(told('{api: {port: 0}, public: {port: 0}, metrics: {port: 0}, dataDir: /d, sealKey: /d-keys/seal}')).toEqual(
      [],
    );
  });
});

import { parseConfig } from '../../src/compose/config.ts';
import { describeProblem } from '../../src/compose/config-problems.ts';

const parse = (agent: string, environment: Readonly<Record<string, string>> = {}) =>
  parseConfig({
    text: `trustDomain: example.org\n${agent === '' ? '' : `agent: ${agent}\n`}`,
    folder: '/etc/mayfly',
    environment,
    flags: {},
  });

const told = (agent: string): readonly string[] => {
  const result = parse(agent);
  return result.ok ? [] : result.problems.map((problem) => describeProblem(problem, 'f'));
};

const agentOf = (agent: string, environment: Readonly<Record<string, string>> = {}) => {
  const result = parse(agent, environment);
  if (!result.ok) throw new Error(result.problems.map((problem) => describeProblem(problem, 'f')).join('\n'));
  return result.config.agent;
};

const SERVER = 'server: "https://mayfly.example.org:8443"';
const FINGERPRINT = 'ab'.repeat(32);

describe('the section of the agent', () => {
  test('is not there unless it is written', () => {
    expect(agentOf('')).toBeUndefined();
  });

  test('needs a server alone', () => {
    expect(agentOf(`{${SERVER}}`)).toMatchObject({
      server: ['https://mayfly.example.org:8443'],
      stateDir: '/var/lib/mayfly-agent',
      socket: '/run/mayfly/workload.sock',
      socketMode: 0o666,
      attestors: { unix: {}, systemd: true },
      sds: { svidName: 'default', bundleName: 'ROOTCA', allBundlesName: 'ALL', spiffeValidator: true },
      trust: {},
      evidence: {},
      limits: { connections: 10_000, connectionsPerUser: 2048 },
    });
    expect(told('{}')).toEqual([expect.stringContaining('agent.server is missing')]);
  });

  test('comes from the environment alone too', () => {
    expect(agentOf('', { MAYFLY_AGENT_SERVER: 'https://a:1, https://b:2' })?.server).toEqual([
      'https://a:1',
      'https://b:2',
    ]);
  });

  test('limits connections, all of them and those of one user', () => {
    const limits = { connections: 500, connectionsPerUser: 50 };
    expect(agentOf(`{${SERVER}, limits: {connections: 500, connectionsPerUser: 50}}`)?.limits).toEqual(limits);
    const environment = {
      MAYFLY_AGENT_LIMITS_CONNECTIONS: '500',
      MAYFLY_AGENT_LIMITS_CONNECTIONS_PER_USER: '50',
    };
    expect(agentOf(`{${SERVER}}`, environment)?.limits).toEqual(limits);
    expect(told(`{${SERVER}, limits: {connectionsPerUser: 0}}`)).toEqual([
      expect.stringContaining('agent.limits.connectionsPerUser'),
    ]);
  });

  test('takes a fingerprint with colons and in capitals', () => {
    const colons = (FINGERPRINT.toUpperCase().match(/../g) ?? []).join(':');
    expect(agentOf(`{${SERVER}, trust: {rootSha256: "${colons}"}}`)?.trust.rootSha256).toBe(FINGERPRINT);
  });

  test.each([
    ['a server without TLS', '{server: "http://a:1"}', 'is not an https URL'],
    ['one wrong server of two', '{server: "https://a:1,b"}', 'is not a URL'],
    ['a short fingerprint', `{${SERVER}, trust: {rootSha256: abcd}}`, 'is not a SHA-256 fingerprint'],
    [
      'two ways to trust',
      `{${SERVER}, trust: {rootSha256: ${FINGERPRINT}, bundleFile: b}}`,
      'agent.trust.rootSha256 stands beside agent.trust.bundleFile',
    ],
    [
      'two kinds of evidence',
      `{${SERVER}, evidence: {joinTokenFile: t, oidcTokenFile: o}}`,
      'agent.evidence.oidcTokenFile stands beside agent.evidence.joinTokenFile',
    ],
    [
      'a socket path too long',
      `{${SERVER}, socket: /${'x'.repeat(103)}}`,
      'agent.socket is too long for a Unix socket',
    ],
    [
      'one name for two secrets',
      `{${SERVER}, sds: {bundleName: ALL}}`,
      'agent.sds.allBundlesName is agent.sds.bundleName too',
    ],
    [
      'an identity as a name',
      `{${SERVER}, sds: {svidName: "spiffe://example.org/a"}}`,
      'agent.sds.svidName is a SPIFFE ID',
    ],
    ['a mode that is none', `{${SERVER}, socketMode: "0999"}`, 'is not a mode'],
    ['metrics for the world', `{${SERVER}, metrics: {address: 0.0.0.0}}`, 'is reachable from other machines'],
    [
      'a cache key beside the cache',
      `{${SERVER}, stateDir: /s, cacheKey: /s/k}`,
      'agent.cacheKey lies in the state folder',
    ],
    ['a token in place of a file', `{${SERVER}, evidence: {joinTokenFile: "a\\nb"}}`, 'is the secret itself'],
    ['a key nobody knows', `{${SERVER}, sockets: x}`, 'right would be: socket'],
  ])('%s is told', (_, agent, text) => {
    const problems = told(agent);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(text);
  });
});

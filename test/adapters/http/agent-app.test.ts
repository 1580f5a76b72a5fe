import { agentApp } from '../../../src/adapters/http/agent-app.ts';
import { AgentMetrics, type AgentNumbers } from '../../../src/adapters/http/agent-metrics.ts';
import { createHttpServer } from '../../../src/adapters/http/server.ts';
import { systemTimers } from '../../../src/adapters/system/timers.ts';

const BEFORE_THE_FIRST_WORD: AgentNumbers = {
  connected: false,
  entries: 0,
  svids: 0,
  connections: 0,
  denialsDropped: 0,
};

const open = async (reasons: () => readonly string[], read: () => AgentNumbers = () => BEFORE_THE_FIRST_WORD) => {
  const metrics = new AgentMetrics(read);
  const server = createHttpServer({ app: agentApp({ metrics: () => metrics.text(), reasons }), delays: systemTimers });
  const port = await server.listen({ host: '127.0.0.1', port: 0 });
  const ask = (path: string, method = 'GET') => fetch(`http://127.0.0.1:${port}${path}`, { method });
  return { metrics, ask, close: () => server.close() };
};

describe('what operators ask an agent', () => {
  test('ready follows the reasons', async () => {
    let reasons: readonly string[] = ['the server was not heard yet'];
    const { ask, close } = await open(() => reasons);
    const before = await ask('/readyz');
    expect([before.status, await before.json()]).toEqual([503, { ready: false, reasons }]);
    reasons = [];
    const after = await ask('/readyz');
    expect([after.status, await after.json()]).toEqual([200, { ready: true, reasons: [] }]);
    expect((await ask('/livez')).status).toBe(200);
    await close();
  });

  test('numbers that are not known yet are left out, and not zero', async () => {
    let numbers = BEFORE_THE_FIRST_WORD;
    const { ask, metrics, close } = await open(
      () => [],
      () => numbers,
    );
    const before = await (await ask('/metrics')).text();
    expect(before).toContain('mayfly_agent_connected 0');
    expect(before).not.toMatch(/^mayfly_agent_heard_seconds /m);
    numbers = {
      ...numbers,
      connected: true,
      secondsSinceHeard: 2,
      svids: 3,
      soonestExpirySeconds: 1800,
      denialsDropped: 2,
    };
    metrics.attestorFailed('docker');
    const after = await (await ask('/metrics')).text();
    expect(after).toMatch(/^mayfly_agent_heard_seconds 2$/m);
    expect(after).toMatch(/^mayfly_agent_soonest_expiry_seconds 1800$/m);
    // Asked twice, told as it is.
    expect(await (await ask('/metrics')).text()).toMatch(/^mayfly_agent_denials_dropped_total 2$/m);
    expect(after).toContain('mayfly_agent_attestor_failures_total{attestor="docker"} 1');
    await close();
  });

  test.each([
    ['/', 'GET', 404],
    ['/constructor', 'GET', 404],
    ['/metrics?x=1', 'GET', 404],
    ['/metrics', 'POST', 405],
    ['/readyz', 'DELETE', 405],
  ])('%s by %s is %i', async (path, method, status) => {
    const { ask, close } = await open(() => []);
    expect((await ask(path, method)).status).toBe(status);
    await close();
  });
});

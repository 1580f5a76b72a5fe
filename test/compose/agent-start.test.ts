import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startAgent } from '../../src/compose/agent.ts';
import { configSchema } from '../../src/compose/config-schema.ts';
import type { AgentConfig } from '../../src/compose/config.ts';
import { silentLogger } from '../support/silent-logger.ts';

const folder = mkdtempSync(join(tmpdir(), 'mayfly-agent-start-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const configOf = (port: number): AgentConfig =>
  configSchema({ folder }).parse({
    trustDomain: 'example.org',
    agent: {
      server: 'https://127.0.0.1:1',
      stateDir: join(folder, 'state'),
      socket: join(folder, 'w.sock'),
      metrics: { port },
    },
  }) as AgentConfig;

test('a start that fails leaves no socket and no folder behind that it holds', async () => {
  const holder = createServer();
  await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
  const { port } = holder.address() as AddressInfo;
  await expect(startAgent(configOf(port), { logger: silentLogger })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  holder.close();
  expect(existsSync(join(folder, 'w.sock'))).toBe(false);
  const agent = await startAgent(configOf(0), { logger: silentLogger });
  await agent.stop();
});

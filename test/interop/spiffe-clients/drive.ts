import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jwtKeyCases, rootCases } from './cases/authorities.ts';
import { absentCases } from './cases/absent.ts';
import { fetchCases } from './cases/fetch.ts';
import { limitCases } from './cases/limits.ts';
import { outageCases } from './cases/outage.ts';
import { renewalCase, startWatching, successionCases } from './cases/rotation.ts';
import { sdsCases } from './cases/sds.ts';
import { admitAgent, admitLanguages, type Suite } from './cases/suite.ts';
import { tlsCases } from './cases/tls.ts';
import { expiredCase, shortToken, tokenCases } from './cases/tokens.ts';
import { wireCases } from './cases/wire.ts';
import { stopPrograms } from './driver/program.ts';
import { Server } from './driver/server.ts';
import { check, finish } from './driver/table.ts';

// Other people's SPIFFE libraries against our agent. The one argument is the folder of the programs that build.sh made.

const TOKEN_LEEWAY_S = 65;

const [programs] = process.argv.slice(2);
if (programs === undefined) throw new Error('the folder of the programs is missing');
if (process.getuid?.() !== 0) throw new Error('only root may run workloads as several users');

const started = Date.now();
const folder = mkdtempSync(join(tmpdir(), 'mayfly-clients-'));
// Workloads of other users come through here to their sockets.
chmodSync(folder, 0o755);
const server = await Server.start(folder, 'example.org');
const agent = await admitAgent({ folder, server }, 'near');
const suite: Suite = { folder, programs, server, agent };

const only = (process.env['ONLY'] ?? '').split(',').filter((name) => name !== '');

/** A group of cases that breaks off fails, and the others go on. */
const group = async (name: string, run: () => Promise<void>): Promise<void> => {
  if (only.length > 0 && !only.includes(name)) return;
  const begun = Date.now();
  await check('all', 'raw', name, run);
  console.log(`${name}: ${((Date.now() - begun) / 1000).toFixed(1)} s`);
};

try {
  await admitLanguages(suite);
  await agent.start();
  await agent.serving();
  const watchingSince = Date.now();
  const watchers = await startWatching(suite);
  const { token, exp } = await shortToken(suite);
  await group('fetch', () => fetchCases(suite));
  await group('wire', () => wireCases(suite));
  await group('tokens', () => tokenCases(suite));
  await group('tls', () => tlsCases(suite));
  await group('absent', () => absentCases(suite));
  await group('sds', () => sdsCases(suite));
  await group('limits', () => limitCases(suite));
  await group('outage', () => outageCases(suite));
  await group('expired', async () => {
    const left = exp + TOKEN_LEEWAY_S - Date.now() / 1000;
    if (left > 0) await new Promise((resolve) => setTimeout(resolve, left * 1000));
    await expiredCase(suite, token);
  });
  await group('renewal', () => renewalCase(watchers, watchingSince));
  await group('jwt keys', () => jwtKeyCases(suite, watchers));
  await group('roots', () => rootCases(suite, watchers));
  await group('succession', () => successionCases(watchers));
  await Promise.all([...watchers.values()].map((watcher) => watcher.stop()));
  for (const [name, process] of Object.entries({ agent, server })) {
    await check('all', 'raw', `the ${name} runs to the end`, () => {
      if (!process.isRunning) throw new Error(process.said.slice(-2000));
    });
  }
} finally {
  await agent.stop();
  await server.stop();
  await stopPrograms();
  rmSync(folder, { recursive: true, force: true });
}
console.log(`${((Date.now() - started) / 1000).toFixed(0)} s`);
finish();

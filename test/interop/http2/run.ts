import { deepEqual, equal, ok } from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { check, finish } from '../servers/report.ts';
import { Agent } from '../spiffe-clients/driver/agent.ts';
import { stopPrograms } from '../spiffe-clients/driver/program.ts';
import { type Entry, Server } from '../spiffe-clients/driver/server.ts';
import { waivedCases } from './judge.ts';
import { runProgram } from './program.ts';

// HTTP/2 on the socket of an agent with a server behind. The one argument is the program that run.sh built.

const TRUST_DOMAIN = 'example.org';
/** The cases of h2spec 2.6.0, and those of our own; fewer would go unnoticed otherwise. */
const CASES = { conformance: 147, small: 20, large: 9, stop: 1 };
/** With so many the answer is larger than the windows of HTTP/2. */
const IDENTITIES = 100;

const [program] = process.argv.slice(2);
if (program === undefined) throw new Error('the program is missing');

const folder = mkdtempSync(join(tmpdir(), 'mayfly-http2-'));
const server = await Server.start(folder, TRUST_DOMAIN);
const agent = await Agent.admit(server, join(folder, 'agent'), 'agent');
const uid = process.getuid?.() ?? 0;
const idOf = (nth: number): string => `spiffe://${TRUST_DOMAIN}/http2/${nth}`;
const entryOf = (nth: number): Entry => ({
  id: `http2-${nth}`,
  spiffeId: idOf(nth),
  parentId: agent.spiffeId,
  selectors: [`unix:uid:${uid}`],
});

let deaths = 0;
const seen = new Set<string>();

const run = async (group: keyof typeof CASES, ...args: readonly string[]): Promise<void> => {
  const outcome = await runProgram(program, args, agent);
  deaths += outcome.deaths;
  for (const { case: name } of outcome.results) seen.add(name);
  await check(`${group}: every case was tried`, () => equal(outcome.results.length, CASES[group]));
};

try {
  await server.entries([entryOf(0)]);
  await agent.start();
  await agent.serving();
  await run('conformance', 'conformance', agent.socket);
  const calls = (group: 'small' | 'large' | 'stop', nth: number): Promise<void> =>
    run(group, 'calls', group, agent.socket, idOf(nth));
  await calls('small', 0);
  await server.entries(Array.from({ length: IDENTITIES - 1 }, (_, at) => entryOf(at + 1)));
  await calls('large', IDENTITIES - 1);
  await calls('stop', 0);
  await check('waivers are of cases that there are', () => {
    deepEqual(
      waivedCases.filter((name) => !seen.has(name)),
      [],
    );
  });
  await check('the agent has run to the end', () => equal(deaths, 0));
  await check('the server has run to the end', () => ok(server.isRunning));
} finally {
  await agent.stop();
  await server.stop();
  await stopPrograms();
  rmSync(folder, { recursive: true, force: true });
}
console.log(`${waivedCases.length} waived`);
finish();

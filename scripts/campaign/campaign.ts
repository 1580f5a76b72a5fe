import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SimulatedAgent } from './agent.ts';
import { DAY, HOUR } from './event-time.ts';
import { planIncidents } from './incidents.ts';
import type { Tally } from './tally.ts';
import { RESOURCE, TokenUser } from './token-user.ts';
import { World } from './world.ts';

export interface CampaignOptions {
  readonly days: number;
  /** With SVIDs of 24 hours. */
  readonly agents: number;
  /** With a workload whose SVIDs live an hour, besides their own of 24. */
  readonly hourly: number;
  /** How long SVIDs live unless their entry says more, and the server's own. Seconds. */
  readonly ownTtl: number;
  readonly progress: (line: string) => void;
}

/** Seconds. */
const HOURLY = 3600;
const DAILY = 86_400;
const RESTART_EVERY = 10 * DAY;

const entryFor = async (world: World, agent: string, id: string, more: object): Promise<void> =>
  world.journey.entry(id, { parentId: `spiffe://example.org/mayfly/agent/join_token/${agent}`, ...more });

/** The one whose workloads use tokens, too. */
const firstHourly = async (world: World): Promise<SimulatedAgent> => {
  const scopes = [{ name: 'read' }];
  await world.journey.administer('POST', '/v1/admin/resources', { identifier: RESOURCE, scopes, bindings: ['bearer'] });
  const grants = [{ resource: RESOURCE, scopes: ['read'], defaultScopes: ['read'], bearer: true }];
  await entryFor(world, 'hourly-0', 'hourly-0', { x509Ttl: HOURLY, grants });
  await entryFor(world, 'hourly-0', 'daily-0', { x509Ttl: DAILY, jwtTtl: HOURLY });
  return new SimulatedAgent(world, 'hourly-0', [
    { entry: 'hourly-0', ttl: HOURLY },
    { entry: 'daily-0', ttl: DAILY },
  ]);
};

const populate = async (world: World, { agents, hourly }: CampaignOptions): Promise<readonly SimulatedAgent[]> => {
  const all: SimulatedAgent[] = [await firstHourly(world)];
  for (let nth = 1; nth < hourly; nth += 1) {
    const entry = `hourly-${nth}`;
    await entryFor(world, entry, entry, { x509Ttl: HOURLY });
    all.push(new SimulatedAgent(world, entry, [{ entry, ttl: HOURLY }]));
  }
  for (let nth = 0; nth < agents; nth += 1) all.push(new SimulatedAgent(world, `node-${nth}`, []));
  world.holders.push(...all);
  return all;
};

/**
 * Lets a real server, over real sockets and on made-up time, serve agents that renew in time, while its keys rotate and are
 * lost. Whoever verifies does so by what is published, as it was when they last looked. The tally holds what went wrong.
 */
export const campaign = async (options: CampaignOptions): Promise<Tally> => {
  const dataDir = mkdtempSync(join(tmpdir(), 'mayfly-days-'));
  const world = new World(dataDir, options.ownTtl);
  const { time, tally } = world;
  await world.start();
  let agents: readonly SimulatedAgent[] = [];
  try {
    const begin = time.now();
    await world.welcomeRelyingParties();
    agents = await populate(world, options);
    for (const [nth, agent] of agents.entries()) {
      time.after(1000 + Math.floor((nth / agents.length) * 12 * HOUR), () => agent.attest());
    }
    const tokens = new TokenUser(world, agents[0] as SimulatedAgent, ['hourly-0', 'daily-0']);
    tokens.start();
    planIncidents({ world, agents, tokens }, options.days);
    for (let at = RESTART_EVERY; at < options.days * DAY; at += RESTART_EVERY) {
      // Not at the moment of anything else.
      time.after(at + 7 * HOUR + 1234, () => world.restart());
    }
    for (let day = 1; day <= options.days; day += 1) {
      await time.runUntil(begin + day * DAY);
      world.judgeAll();
      const made = Object.values(tally.issued).reduce((sum, count) => sum + count, 0);
      if (day % 10 === 0) options.progress(`day ${day}: ${made} credentials, ${tally.problemCount} problems`);
    }
    return tally;
  } finally {
    for (const agent of agents) agent.close();
    await world.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
};

import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { checkDataDir } from '../../src/adapters/sqlite/check-ledger.ts';
import { KILL_POINTS } from '../../test/support/kill-points.ts';
import { Agent } from './agent.ts';
import { Audit, type AuditCounts } from './audit.ts';
import { Population } from './population.ts';
import { agentlessVictim, revokerRound } from './revoker.ts';
import { type Death, type Started, startToCrash } from './start-server.ts';
import { agentlessLife } from './workload.ts';

export interface CampaignOptions {
  readonly folder: string;
  readonly kills: number;
  /** Which deaths, in turn; by default two at random, one of them now and then at the start, to each named point once. */
  readonly deathOf?: (nth: number) => Death;
  readonly progress: (line: string) => void;
}

export interface CampaignResult extends AuditCounts {
  /** Kills by how they came. */
  readonly kills: Record<string, number>;
  readonly startsBySelf: number;
  readonly doesNotStart: number;
  readonly notReached: number;
  /** Clients that did not get on in the last life. */
  readonly stuck: number;
  readonly answered: Record<string, number>;
  readonly problems: readonly string[];
}

/** Kills that fall into the start take what an ordinary start takes, or a little more. */
const START_MS = 1500;
const LIFE_MS = 900;
const PASSES = 40;
/** A point that was not reached by then is given up; the kill comes from outside. */
const POINT_MS = 15_000;
/** In the last life every client ends two rounds within this. */
const PATIENCE_MS = 30_000;

const randomDeath = (nth: number): Death => {
  const turn = nth % (KILL_POINTS.length + 2);
  const by = KILL_POINTS[turn];
  if (by !== undefined) return { by, after: randomInt(PASSES) };
  const isStart = turn === KILL_POINTS.length && randomInt(3) === 0;
  return isStart ? { by: 'start', afterMs: randomInt(START_MS) } : { by: 'random', afterMs: randomInt(LIFE_MS) };
};

const AGENTS = 2;
const AGENTLESS = 2;

/** Everyone who has something to do with the server, all at once. */
const populate = async (all: Population): Promise<Promise<void>[]> => {
  await all.resource();
  const agents = await Promise.all(Array.from({ length: AGENTS }, () => Agent.start(all)));
  const shared = await Promise.all(Array.from({ length: AGENTLESS }, () => all.entry(all.name('job'), undefined)));
  const [first] = agents;
  return [
    ...agents.map((agent) => all.live(() => agent.round())),
    ...shared.map((entry) => all.live(() => agentlessLife(all, entry))),
    ...(first ? [all.live(() => revokerRound(all, first))] : []),
    all.live(() => agentlessVictim(all, (entry) => agentlessLife(all, entry))),
  ];
};

class Campaign {
  readonly #options: CampaignOptions;
  readonly #dataDir: string;
  readonly #heldFile: string;
  readonly #all: Population;
  readonly #kills: Record<string, number> = {};
  #clients: Promise<Promise<void>[]> | undefined;
  #startsBySelf = 0;
  #doesNotStart = 0;
  #notReached = 0;
  #stuck = 0;
  readonly #problems: string[] = [];

  constructor(options: CampaignOptions) {
    this.#options = options;
    this.#dataDir = join(options.folder, 'data');
    this.#heldFile = join(options.folder, 'held.ndjson');
    this.#all = new Population(this.#heldFile);
  }

  async run(): Promise<CampaignResult> {
    const { kills, deathOf = randomDeath, progress } = this.#options;
    const running = new Audit(this.#dataDir, this.#heldFile);
    for (let nth = 0; nth < kills; nth += 1) {
      const death = deathOf(nth);
      await this.#liveAndDie(death);
      running.advance();
      const { credentials, held, entries } = running.counts;
      progress(`kill ${nth + 1}, ${death.by}: ${entries} entries, ${credentials} issued, ${held} held`);
      for (const problem of running.problems.splice(0)) progress(problem);
    }
    await this.#lastLife();
    return this.#judge();
  }

  #begin(life: NonNullable<Started['life']>): void {
    this.#startsBySelf += 1;
    this.#all.begin(life);
    this.#clients ??= populate(this.#all);
  }

  async #liveAndDie(death: Death): Promise<void> {
    const server = await startToCrash(this.#dataDir, death);
    const { life } = server;
    if (life) this.#begin(life);
    if (life && death.by === 'random') {
      await Promise.race([pause(death.afterMs), server.ended]);
      server.kill('SIGKILL');
    }
    const isNamed = death.by !== 'random' && death.by !== 'start';
    const isMissed = isNamed && !(await endsWithin(server, POINT_MS));
    if (isMissed) {
      this.#notReached += 1;
      server.kill('SIGKILL');
    }
    const how = await server.ended;
    this.#all.lives.end();
    const by = isMissed ? 'random' : death.by;
    if (how === 'SIGKILL') this.#kills[by] = (this.#kills[by] ?? 0) + 1;
    else this.#refusedToLive(`${death.by}: it ended with ${String(how)}: ${server.said()}`);
  }

  #refusedToLive(words: string): void {
    this.#doesNotStart += 1;
    this.#problems.push(words);
    this.#options.progress(words);
  }

  /** No kill any more: everyone must get on, and the server ends as it is told. */
  async #lastLife(): Promise<void> {
    const server = await startToCrash(this.#dataDir);
    if (!server.life) return this.#refusedToLive(`the last start: ${server.said()}`);
    this.#begin(server.life);
    const clients = await Promise.race([this.#clients, pause(PATIENCE_MS, undefined, { ref: false })]);
    this.#stuck = clients ? await this.#all.stuckAfter(PATIENCE_MS) : 1;
    this.#all.lives.stop();
    await Promise.all(clients ?? []);
    server.kill('SIGTERM');
    const how = await server.ended;
    if (how !== 0) this.#refusedToLive(`the last stop: ${String(how)}: ${server.said()}`);
  }

  /** From the first entry on, by a reader that saw nothing before; and by the check that operators have. */
  #judge(): CampaignResult {
    const audit = new Audit(this.#dataDir, this.#heldFile);
    audit.advance();
    const own = checkDataDir(this.#dataDir).problems;
    return {
      ...audit.counts,
      rootDiffers: audit.counts.rootDiffers + own.length,
      kills: this.#kills,
      startsBySelf: this.#startsBySelf,
      doesNotStart: this.#doesNotStart,
      notReached: this.#notReached,
      stuck: this.#stuck,
      answered: this.#all.answered,
      problems: [...this.#problems, ...audit.problems, ...own],
    };
  }
}

const endsWithin = (server: Started, ms: number): Promise<boolean> =>
  Promise.race([server.ended.then(() => true), pause(ms, false, { ref: false })]);

/** Starts, loads and kills a server on one folder, again and again, then judges what is left. */
export const crashCampaign = (options: CampaignOptions): Promise<CampaignResult> => new Campaign(options).run();

/** Nothing was found that must not be. */
export const isSound = (result: CampaignResult): boolean =>
  [
    result.notInLedger,
    result.twice,
    result.afterRevocation,
    result.rootDiffers,
    result.notOpening,
    result.locked,
    result.turnedAway,
    result.stuck,
    result.doesNotStart,
  ].every((count) => count === 0);

import { decodePart } from '../../test/support/journey-oauth.ts';
import { newClient } from '../../test/support/journey-client.ts';
import { instant } from '../../src/domain/instant.ts';
import type { SimulatedAgent } from './agent.ts';
import { DAY, HOUR } from './event-time.ts';
import { REFRESH_MS, type World } from './world.ts';

const EVERY_MS = 8 * HOUR;
export const RESOURCE = 'https://orders.example.org';

type Purpose = 'jwt-svid' | 'access-token';

/** Gets JWT-SVIDs of five minutes and of an hour, and access tokens, and shows them when new and in their last second. */
export class TokenUser {
  readonly #world: World;
  readonly #agent: SimulatedAgent;
  readonly #entries: readonly string[];
  /** Keys that were taken out at once: what they signed is to be refused. */
  readonly #lost = new Set<string>();
  /** Keys that took over from a lost one: they may not have been out for a day. */
  readonly #hurried = new Set<string>();
  readonly #began: number;

  constructor(world: World, agent: SimulatedAgent, entries: readonly string[]) {
    this.#world = world;
    this.#agent = agent;
    this.#entries = entries;
    this.#began = world.time.now();
  }

  start(): void {
    const again = async (): Promise<void> => {
      await this.#round();
      this.#world.time.after(EVERY_MS, again);
    };
    this.#world.time.after(HOUR, again);
  }

  lose(kid: string): void {
    this.#lost.add(kid);
  }

  takeOver(kid: string): void {
    this.#hurried.add(kid);
  }

  async #round(): Promise<void> {
    const { loss } = this.#world;
    // Between a loss and its holder's return there is nothing to log in with.
    if (loss && this.#agent.held.some(({ issuedAt }) => issuedAt < loss.at)) return;
    const items = this.#entries.map((entryId) => ({ audience: ['db'], entryId }));
    const answer = await this.#agent.ask((client) => client.postJson('/v1/svids/jwt', { items }));
    const svids = (answer.json() as { items?: { token: string }[] }).items ?? [];
    if (svids.length !== items.length) this.#world.tally.problem(this.#world.time.now(), `JWT-SVIDs: ${answer.text}`);
    for (const { token } of svids) await this.#watch(token, 'jwt-svid');
    await this.#watch(await this.#accessToken(), 'access-token');
  }

  async #accessToken(): Promise<string> {
    const { journey, time } = this.#world;
    const [, svid] = this.#agent.held;
    if (!svid) return '';
    const client = newClient({
      url: journey.server.ready.api,
      roots: () => journey.roots(),
      now: () => instant(time.now()),
      certificate: svid,
    });
    try {
      const form = { grant_type: 'client_credentials', client_id: svid.spiffeId, resource: RESOURCE };
      return String((await client.postForm('/oauth2/token', form)).json()['access_token']);
    } finally {
      client.close();
    }
  }

  async #watch(token: string, purpose: Purpose): Promise<void> {
    const { tally, time } = this.#world;
    if (token.split('.').length !== 3) {
      tally.problem(time.now(), `no ${purpose}`);
      return;
    }
    const kid = String(decodePart(token, 0)['kid']);
    const exp = Number(decodePart(token, 1)['exp']);
    tally.count(purpose === 'jwt-svid' ? 'JWT-SVIDs' : 'access tokens');
    this.#checkPublished(kid, purpose);
    const key = (await this.#world.authorities(purpose)).find(({ id }) => id === kid);
    if (!key || exp > key.notAfter) tally.problem(time.now(), `a ${purpose} outlives its key ${kid}`);
    await this.#judge(token, purpose, kid);
    time.at(exp * 1000 - 1, () => (this.#lost.has(kid) ? undefined : this.#judge(token, purpose, kid)));
  }

  /** Who looks once a day may not know a key that had to hurry. */
  #judge(token: string, purpose: Purpose, kid: string): Promise<void> {
    return this.#world.judgeToken(token, purpose, { kid, prompt: this.#hurried.has(kid) });
  }

  /** DEC-22: out for a day before it signs; the keys of the first hour, and what took over from a lost one, for a moment. */
  #checkPublished(kid: string, purpose: Purpose): void {
    const { publishedAt, tally, time } = this.#world;
    const since = publishedAt.get(kid);
    const isFirst = since !== undefined && since <= this.#began + HOUR;
    // The look comes up to a second late.
    const least = this.#hurried.has(kid) ? REFRESH_MS : DAY - 1000;
    if (since === undefined || (!isFirst && time.now() - since < least)) {
      tally.problem(time.now(), `the ${purpose} key ${kid} signs too early`);
    }
  }
}

import { randomInt } from 'node:crypto';
import { newKey } from '../../test/support/x509.ts';
import { attest } from './attest.ts';
import { csrOf, heldToken, heldX509, type JwtAnswer, type Svid, svidOf, type X509Answer } from './credentials.ts';
import { type KnownEntry, type Population, RESOURCE } from './population.ts';
import { renew, tokenByCertificate } from './workload.ts';

interface ItemRefused {
  readonly error: { readonly code: string };
}

const JWT_SPIFFE = 'urn:ietf:params:oauth:client-assertion-type:jwt-spiffe';
const ENTRIES = 4;

/** An agent: attests once, renews, and gets credentials for the workloads under it. */
export class Agent {
  readonly #all: Population;
  readonly spiffeId: string;
  #svid: Svid;
  /** The workloads' newest. */
  readonly #workloads = new Map<KnownEntry, Svid>();

  private constructor(all: Population, svid: Svid) {
    this.#all = all;
    this.#svid = svid;
    this.spiffeId = svid.spiffeId;
  }

  static async start(all: Population): Promise<Agent> {
    const agent = new Agent(all, await attest(all, { agent: all.name('node') }));
    for (let made = 0; made < ENTRIES; made += 1) {
      all.entries.push(await all.entry(all.name('web'), agent.spiffeId));
    }
    return agent;
  }

  /** One operation, at random. */
  async round(): Promise<void> {
    const chance = randomInt(100);
    if (chance < 45) await this.#issue();
    else if (chance < 65) await this.#jwt();
    else if (chance < 80) this.#svid = (await renew(this.#all, this.#svid)) ?? this.#svid;
    else if (chance < 90) await this.#token();
    else await this.#tokenByJwt();
  }

  #mine(): KnownEntry[] {
    return this.#all.entries.filter(({ parentId }) => parentId === this.spiffeId);
  }

  async #issue(): Promise<void> {
    const wanted = this.#mine()
      .slice(-1 - randomInt(ENTRIES))
      .map((entry) => ({ entry, key: newKey() }));
    const items = wanted.map(({ entry, key }) => ({ csr: csrOf(key), entryId: entry.id }));
    const answer = await this.#all.lives.persist(() =>
      this.#all.lives.api(this.#svid).postJson('/v1/svids/x509', { items }),
    );
    const results = (answer.json() as { items?: (X509Answer | ItemRefused)[] }).items;
    for (const [at, { entry, key }] of wanted.entries()) {
      const result = results?.[at];
      if (result && 'serial' in result) {
        this.#all.held.add(heldX509(result));
        this.#all.count('x509-svid');
        this.#workloads.set(entry, svidOf(result, key));
      } else if (!entry.condemned) {
        this.#all.trouble(`x509 for ${entry.id}: ${answer.text}`);
      }
    }
  }

  async #assertion(entry: KnownEntry, audience: string): Promise<string | undefined> {
    const answer = await this.#all.lives.persist(() =>
      this.#all.lives
        .api(this.#svid)
        .postJson('/v1/svids/jwt', { items: [{ audience: [audience], entryId: entry.id }] }),
    );
    const [item] = (answer.json() as { items?: JwtAnswer[] }).items ?? [];
    if (item) {
      this.#all.held.add(heldToken(item.token));
      this.#all.count('jwt-svid');
    } else if (!entry.condemned) {
      this.#all.trouble(`jwt for ${entry.id}: ${answer.text}`);
    }
    return item?.token;
  }

  #anyOfMine(): KnownEntry | undefined {
    const mine = this.#mine();
    return mine.at(randomInt(Math.max(1, mine.length)));
  }

  async #jwt(): Promise<void> {
    const entry = this.#anyOfMine();
    if (entry) await this.#assertion(entry, 'spiffe://example.org/peer');
  }

  async #token(): Promise<void> {
    const entry = this.#anyOfMine();
    const svid = entry && this.#workloads.get(entry);
    if (entry && svid) await tokenByCertificate(this.#all, svid, entry);
  }

  /** An assertion names the server that it was made for, so one that outlived it is not presented. */
  async #tokenByJwt(): Promise<void> {
    const entry = this.#anyOfMine();
    const life = await this.#all.lives.up();
    const assertion = entry && (await this.#assertion(entry, `${life.public}/oauth2`));
    if (assertion === undefined) return;
    const form = {
      grant_type: 'client_credentials',
      client_assertion_type: JWT_SPIFFE,
      client_assertion: assertion,
      resource: RESOURCE,
    };
    const answer = await this.#all.lives.persist(() => this.#all.lives.public().postForm('/oauth2/token', form));
    if (answer.status === 200) {
      this.#all.held.add(heldToken(String(answer.json()['access_token'])));
      this.#all.count('token by JWT-SVID');
    } else if (!entry?.condemned && (await this.#all.lives.up()) === life) {
      this.#all.trouble(`token for ${String(entry?.id)}: ${answer.text}`);
    }
  }
}

import { readBundle } from '../../src/formats/bundle-reader.ts';
import { writeCsr } from '../../src/formats/csr-writer.ts';
import { instant } from '../../src/domain/instant.ts';
import { possessionBy } from '../../test/support/attesting.ts';
import type { Answered } from '../../test/support/http.ts';
import { csrOf } from '../../test/support/journey.ts';
import { type Client, newClient } from '../../test/support/journey-client.ts';
import { newKey, TRUST_DOMAIN } from '../../test/support/x509.ts';
import { type Credential, credentialFrom } from './credential.ts';
import type { Holder, World } from './world.ts';

/** What an entry gives to a workload. */
export interface Entitlement {
  readonly entry: string;
  /** Seconds. */
  readonly ttl: number;
}

/** A workload that gets its SVIDs through the agent. */
interface Workload extends Entitlement {
  credential: Credential | undefined;
}

const itemsOf = (answer: Answered): readonly unknown[] => (answer.json() as { items?: unknown[] }).items ?? [];

/** Of an agent's own SVID (DEC-13). Seconds. */
const AGENT_TTL = 86_400;

/** Attests once, renews its SVID and those of its workloads in time, and comes back with its node key when it has to. */
export class SimulatedAgent implements Holder {
  readonly name: string;
  readonly workloads: readonly Workload[];
  readonly #world: World;
  readonly #nodeKey = newKey();
  #roots: readonly Uint8Array[];
  #etag = '';
  #own: Credential | undefined;
  #client: { readonly url: string; readonly credential: Credential | undefined; readonly client: Client } | undefined;
  /** Only the newest appointment counts. */
  #appointment = 0;

  constructor(world: World, name: string, workloads: readonly Entitlement[]) {
    this.name = name;
    this.#world = world;
    this.#roots = world.journey.roots();
    this.workloads = workloads.map((each) => ({ ...each, credential: undefined }));
  }

  get held(): readonly Credential[] {
    return [this.#own, ...this.workloads.map(({ credential }) => credential)].filter((each) => each !== undefined);
  }

  /** Proves itself with a join token, and pins a key to come back with (DEC-13). */
  async attest(): Promise<void> {
    const key = newKey();
    const csr = writeCsr(key.privateKey);
    const token = await this.#world.journey.joinToken({ agent: this.name });
    const nodeKey = {
      spki: this.#nodeKey.spki.toString('base64'),
      signature: possessionBy(this.#nodeKey, csr).toString('base64'),
    };
    const body = { type: 'join_token', evidence: { token }, csr: csr.toString('base64'), nodeKey };
    const answer = await this.ask((client) => client.postJson('/v1/attest', body));
    this.#world.tally.attestations += 1;
    this.#take(credentialFrom(answer.json(), key, this.#world.time.now()), AGENT_TTL);
    await this.visit();
  }

  /** What it does when something of its is at half of life. */
  async visit(): Promise<void> {
    const isDue = this.#own !== undefined && this.#own.renewAt <= this.#world.time.now();
    if (isDue) await this.#refreshBundle();
    if ((isDue && !(await this.#renewOwn())) || !(await this.#renewWorkloads())) return this.comeBack();
    this.#makeAppointment();
  }

  /** Its root was lost: it looks at the bundle, and proves itself anew. */
  async comeBack(): Promise<void> {
    const { loss, tally, time } = this.#world;
    if (!this.#own || (loss && this.#own.issuedAt >= loss.at)) return;
    if (!loss) tally.problem(time.now(), `${this.name} was turned away although no root was lost`);
    const { spiffeId } = this.#own;
    await this.#refreshBundle();
    this.#own = undefined;
    for (const workload of this.workloads) workload.credential = undefined;
    const key = newKey();
    const csr = writeCsr(key.privateKey);
    const { challenge } = (
      await this.ask((client) => client.ask('/v1/attest/challenge', { method: 'POST' }))
    ).json() as { challenge: string };
    const signature = possessionBy(this.#nodeKey, csr, Buffer.from(challenge, 'base64')).toString('base64');
    const body = { type: 'node_key', evidence: { spiffeId, signature }, csr: csr.toString('base64'), challenge };
    const answer = await this.ask((client) => client.postJson('/v1/attest', body));
    tally.comebacks += 1;
    if (loss) tally.longestGap = Math.max(tally.longestGap, (time.now() - loss.at) / 1000);
    this.#take(credentialFrom(answer.json(), key, time.now()), AGENT_TTL);
    await this.visit();
  }

  /** Asks over its own connection. */
  async ask(send: (client: Client) => Promise<Answered>): Promise<Answered> {
    const url = this.#world.journey.server.ready.api;
    if (this.#client?.url !== url || this.#client.credential !== this.#own) this.#connect(url);
    try {
      return await send(this.#connected());
    } catch {
      // A connection that was idle for long may be closed by the server in the same moment; the key is the same (DEC-12).
      this.#connect(url);
      return send(this.#connected());
    }
  }

  #connected(): Client {
    if (!this.#client) throw new Error('not connected');
    return this.#client.client;
  }

  #connect(url: string): void {
    this.#client?.client.close();
    const client = newClient({
      url,
      roots: () => this.#roots,
      now: () => instant(this.#world.time.now()),
      ...(this.#own && { certificate: this.#own }),
    });
    this.#client = { url, credential: this.#own, client };
  }

  close(): void {
    this.#client?.client.close();
  }

  async #refreshBundle(): Promise<void> {
    const answer = await this.ask((client) => client.ask('/bundle', { headers: { 'if-none-match': this.#etag } }));
    if (answer.status !== 200) return;
    this.#etag = String(answer.headers['etag']);
    this.#roots = readBundle(answer.text, TRUST_DOMAIN).x509Authorities;
  }

  #take(credential: Credential, ttl: number, before?: Credential): void {
    const { tally, time } = this.#world;
    const life = credential.notAfter - Math.floor(time.now() / 1000);
    if (life !== ttl) tally.problem(time.now(), `${this.name} got ${life} s in place of ${ttl}`);
    if (before && time.now() > before.notAfter * 1000) tally.problem(time.now(), `${this.name} was without credential`);
    if (credential.notBefore * 1000 > time.now())
      tally.problem(time.now(), `${this.name} got one that is not valid yet`);
    tally.count('X.509-SVIDs');
    if (credential.spiffeId.includes('/mayfly/agent/')) this.#own = credential;
    this.#world.judgeNew(credential.spiffeId, credential);
  }

  /** False: its certificate is not accepted any more. */
  async #renewOwn(): Promise<boolean> {
    const key = newKey();
    const body = { items: [{ csr: csrOf(key) }] };
    const answer = await this.ask((client) => client.postJson('/v1/svids/x509', body));
    if (answer.status === 401) return false;
    this.#take(credentialFrom(itemsOf(answer)[0], key, this.#world.time.now()), AGENT_TTL, this.#own);
    return true;
  }

  /** As `#renewOwn`. */
  async #renewWorkloads(): Promise<boolean> {
    const now = this.#world.time.now();
    const due = this.workloads
      .filter(({ credential }) => credential === undefined || credential.renewAt <= now)
      .map((workload) => ({ workload, key: newKey() }));
    if (due.length === 0) return true;
    const items = due.map(({ workload, key }) => ({ csr: csrOf(key), entryId: workload.entry }));
    const answer = await this.ask((client) => client.postJson('/v1/svids/x509', { items }));
    if (answer.status === 401) return false;
    for (const [at, { workload, key }] of due.entries()) {
      const credential = credentialFrom(itemsOf(answer)[at], key, now);
      this.#take(credential, workload.ttl, workload.credential);
      workload.credential = credential;
    }
    return true;
  }

  #makeAppointment(): void {
    this.#appointment += 1;
    const mine = this.#appointment;
    const next = Math.min(...this.held.map(({ renewAt }) => renewAt));
    this.#world.time.at(next, () => (mine === this.#appointment ? this.visit() : undefined));
  }
}

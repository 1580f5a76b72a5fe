import { Journey } from '../../test/support/journey.ts';
import type { Credential } from './credential.ts';
import { DAY, EventTime, MINUTE } from './event-time.ts';
import { RelyingParty } from './relying-party.ts';
import { Tally } from './tally.ts';

/** DEC-24: how old a bundle may be that somebody verifies by. */
export const REFRESH_MS = 5 * MINUTE;

/** An authority as the admin API tells it. */
export interface KnownAuthority {
  readonly id: string;
  readonly purpose: string;
  readonly state: string;
  readonly notAfter: number;
}

/** A root that was taken out of the bundle at once: until `until` its holders and its verifiers hear of it (DEC-23). */
interface Loss {
  readonly at: number;
  readonly until: number;
}

/** Who holds a credential now. */
export interface Holder {
  readonly name: string;
  readonly held: readonly Credential[];
}

/** One trust domain on made-up time: its server, those who verify, and what is counted. */
export class World {
  readonly tally = new Tally();
  readonly time: EventTime;
  readonly holders: Holder[] = [];
  /** When each key was first seen published. */
  readonly publishedAt = new Map<string, number>();
  readonly #dataDir: string;
  readonly #ownTtl: number;
  #news = 0;
  readonly #relyingParties: { readonly party: RelyingParty; readonly lag: number }[] = [];
  #journey: Journey | undefined;
  #seenLines = 0;
  #loss: Loss | undefined;

  /** `ownTtl`: of SVIDs unless their entry says more, and of the server's own. Seconds. */
  constructor(dataDir: string, ownTtl: number) {
    this.#dataDir = dataDir;
    this.#ownTtl = ownTtl;
    this.time = new EventTime(
      ownTtl * 1000,
      () => this.#notice(),
      ({ message }) => this.tally.problem(this.time.now(), message),
    );
  }

  get journey(): Journey {
    if (!this.#journey) throw new Error('the server is not started');
    return this.#journey;
  }

  get loss(): Loss | undefined {
    return this.#loss;
  }

  async start(): Promise<void> {
    const { clock, timers } = this.time;
    this.#journey = await Journey.start({
      clock,
      timers,
      dataDir: this.#dataDir,
      configure: (server) => ({ ...server, ttl: { ...server.ttl, x509: this.#ownTtl } }),
    });
    this.#seenLines = 0;
  }

  stop(): Promise<void> {
    return this.journey.stop();
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
    this.tally.restarts += 1;
    this.published();
  }

  /** Two that look as often as the bundle says, one early and one as late as it may, and one that looks once a day. */
  async welcomeRelyingParties(): Promise<void> {
    const roots = this.journey.roots();
    for (const [name, lag] of [
      ['the prompt one', 1000],
      ['the one that follows the hint', REFRESH_MS],
      ['the daily one', Infinity],
    ] as const) {
      const party = new RelyingParty(name, roots);
      this.#relyingParties.push({ party, lag });
      await this.#look(party);
    }
    const again = async (): Promise<void> => {
      for (const { party, lag } of this.#relyingParties) if (lag === Infinity) await this.#look(party);
      this.time.after(DAY, again);
    };
    this.time.after(DAY, again);
  }

  authorities(purpose?: string): Promise<readonly KnownAuthority[]> {
    return this.journey
      .administer<{ authorities: KnownAuthority[] }>('GET', '/v1/admin/authorities')
      .then(({ authorities }) => authorities.filter((each) => purpose === undefined || each.purpose === purpose));
  }

  /** What is published may have changed: whoever looks for it finds it in time. */
  published(): void {
    for (const { party, lag } of this.#relyingParties) {
      if (lag !== Infinity) this.time.after(lag, () => this.#look(party));
    }
  }

  /** From now on nothing counts that hangs on the lost root, and it takes a while until all have heard. */
  lose(): void {
    this.#loss = { at: this.time.now(), until: this.time.now() + REFRESH_MS };
    this.time.at(this.#loss.until + 1000, () => this.judgeAll());
  }

  /** A new credential: everyone has to accept it, from the first moment on. One of them looks at every signature. */
  judgeNew(name: string, credential: Credential): void {
    const now = this.time.now();
    const { chain } = credential;
    const thorough = this.#news % this.#relyingParties.length;
    this.#news += 1;
    for (const [at, { party }] of this.#relyingParties.entries()) {
      this.tally.judgements += 1;
      const problem = at === thorough ? party.x509ProblemInFull(chain, now) : party.x509Problem(chain, now);
      if (problem !== undefined) this.#refused(`${party.name} refuses the new one of ${name}: ${problem}`, credential);
    }
  }

  /** Everybody's credential, as every relying party sees it now. */
  judgeAll(): void {
    for (const { party } of this.#relyingParties) this.#judgeBy(party);
  }

  /** As those see it who look as often as the bundle says; the others too, unless `prompt`. */
  async judgeToken(
    token: string,
    purpose: 'jwt-svid' | 'access-token',
    { kid, prompt }: { readonly kid: string; readonly prompt: boolean },
  ): Promise<void> {
    for (const { party, lag } of this.#relyingParties) {
      if (prompt && lag === Infinity) continue;
      this.tally.judgements += 1;
      const problem = await party.tokenProblem(token, purpose, this.time.now());
      if (problem !== undefined) {
        this.tally.problem(this.time.now(), `${party.name} refuses a ${purpose} of ${kid}: ${problem}`);
      }
    }
  }

  #judgeBy(party: RelyingParty): void {
    for (const { name, held } of this.holders) {
      for (const credential of held) {
        this.tally.judgements += 1;
        const problem = party.x509Problem(credential.chain, this.time.now());
        if (problem !== undefined) this.#refused(`${party.name} refuses that of ${name}: ${problem}`, credential);
      }
    }
  }

  #refused(what: string, { issuedAt }: Credential): void {
    const { loss } = this;
    const isToldOff = loss !== undefined && issuedAt < loss.at && this.time.now() <= loss.until;
    if (isToldOff) this.tally.refusedAfterLoss += 1;
    else this.tally.problem(this.time.now(), what);
  }

  async #look(party: RelyingParty): Promise<void> {
    const now = this.time.now();
    for (const kid of await party.fetch(this.journey.server.ready.public, now)) {
      if (!this.publishedAt.has(kid)) this.publishedAt.set(kid, now);
    }
    this.#judgeBy(party);
  }

  /** The server says in its log when it moved an authority on. */
  #notice(): void {
    const { lines } = this.journey.log;
    const fresh = lines.slice(this.#seenLines);
    this.#seenLines = lines.length;
    for (const { message, fields } of fresh) {
      if (message === 'background work failed') {
        this.tally.problem(this.time.now(), `${String(fields['what'])}: ${String(fields['error'])}`);
      }
      if (message !== 'an authority moved on') continue;
      this.published();
      const isRoot = fields['purpose'] === 'x509-root' && fields['kind'] === 'activate';
      if (isRoot) this.tally.rootsCrossed += 1;
    }
  }
}

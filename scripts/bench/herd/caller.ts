import { Agent, request } from 'node:https';
import type { Holder } from '../prepare.ts';

const EVERY_MS = 100;
const PATIENCE_MS = 10_000;

export interface Asked {
  /** Unix milliseconds. */
  readonly at: number;
  readonly ms: number;
  /** Of HTTP; absent where nobody answered. */
  readonly status?: number;
}

/** One of the others: asks for an access token ten times a second, whatever becomes of the requests before. */
export class Caller {
  readonly asked: Asked[] = [];
  readonly #agent: Agent;
  readonly #url: URL;
  readonly #body: string;
  readonly #timer: NodeJS.Timeout;

  constructor(api: string, { chain, key }: Holder, body: string) {
    this.#agent = new Agent({ keepAlive: true, cert: chain, key, rejectUnauthorized: false });
    this.#url = new URL('/oauth2/token', api);
    this.#body = body;
    this.#timer = setInterval(() => this.#ask(), EVERY_MS);
  }

  end(): void {
    clearInterval(this.#timer);
    this.#agent.destroy();
  }

  #ask(): void {
    const at = Date.now();
    const start = performance.now();
    const done = (status?: number): void => {
      this.asked.push({ at, ms: performance.now() - start, ...(status !== undefined && { status }) });
    };
    const asking = request(
      this.#url,
      {
        method: 'POST',
        agent: this.#agent,
        timeout: PATIENCE_MS,
        headers: {
          'content-type': 'application/x-www-form-urlencoded',
          'content-length': Buffer.byteLength(this.#body),
        },
      },
      (answer) => {
        answer.resume();
        answer.once('end', () => done(answer.statusCode));
      },
    );
    asking.once('timeout', () => asking.destroy());
    asking.once('error', () => done());
    asking.end(this.#body);
  }
}

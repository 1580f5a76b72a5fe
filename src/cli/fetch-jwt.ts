import { pause } from '../adapters/system/pause.ts';
import { systemClock } from '../adapters/system/clock.ts';
import { retryDelay } from '../workload/back-off.ts';
import { isFinal, WorkloadError } from '../workload/errors.ts';
import type { JwtSvid } from '../workload/jwt-svid.ts';
import { fetchJwtSvids } from '../workload/one-shot.ts';
import { CommandRefused, UsageError } from './exit.ts';
import type { FetchOptions, Fetching } from './fetch-verb.ts';

export interface JwtOptions extends FetchOptions {
  readonly audience?: readonly string[];
  readonly spiffeId?: string;
  readonly hint?: string;
  readonly tokenName: string;
}

type Answer = readonly JwtSvid[];

const ask =
  (address: string, { audience = [], spiffeId, hint }: JwtOptions) =>
  async (signal: AbortSignal | undefined): Promise<Answer> => {
    if (audience.length === 0) throw new UsageError('name who will receive the token: --audience');
    const svids = await fetchJwtSvids({ address, signal, audience, spiffeId });
    const matching = svids.filter((svid) => hint === undefined || svid.hint === hint);
    if (matching.length === 0) throw new CommandRefused('the agent gives no such identity');
    return matching;
  };

/** What a watch goes on after. Throws what nothing comes after. */
const problemOf = (error: unknown): WorkloadError => {
  // Another identity may come.
  if (error instanceof CommandRefused) return new WorkloadError('no_identity', error.message);
  if (!(error instanceof WorkloadError) || isFinal(error)) throw error;
  return error;
};

/** How long until half of the rest of the first token's life is over, and never less than a second. */
const untilRenewal = (svids: Answer): number => {
  const end = Math.min(...svids.map(({ expiresAt }) => expiresAt)) * 1000;
  return Math.max(1000, (end - systemClock.now()) / 2);
};

/** `mayfly fetch jwt` */
export const jwtFetching: Fetching<JwtOptions, Answer> = {
  ask,
  async follow({ address, options, signal, next, problem }) {
    const question = ask(address, options);
    let failures = 0;
    while (!signal.aborted) {
      let wait: number;
      try {
        const svids = await question(signal);
        failures = 0;
        next(svids);
        wait = untilRenewal(svids);
      } catch (error) {
        if (signal.aborted) return;
        const refused = problemOf(error);
        problem(refused);
        wait = retryDelay(refused, failures);
        failures += 1;
      }
      await pause(wait, signal).catch(() => undefined);
    }
  },
  json: (svids) => ({
    svids: svids.map(({ spiffeId, token, hint, audience, expiresAt }) => ({
      spiffeId,
      ...(hint !== undefined && { hint }),
      audience,
      expiresAt,
      token,
    })),
  }),
  text: (svids) => svids.map(({ token }) => `${token}\n`).join(''),
  files: ([svid], { tokenName }) =>
    svid === undefined ? [] : [{ name: tokenName, content: svid.token, secret: true }],
};

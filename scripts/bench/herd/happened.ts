import { atMost, type Bar, told } from '../scale/bars.ts';
import type { Asked } from './caller.ts';
import type { HerdOptions, Outage } from './options.ts';
import { type Pulse, PULSE_MS } from './pulse.ts';
import type { ServerSample } from './server-watch.ts';

/** One outage. Times in Unix milliseconds. */
export interface Happened {
  readonly which: Outage;
  readonly options: HerdOptions;
  readonly gone: number;
  /** It serves again. */
  readonly back: number;
  /** One agent is synchronised, all are, and all SVIDs of workloads are good. */
  readonly first: number;
  readonly last: number;
  readonly whole: number;
  /** From when it was gone. */
  readonly pulses: readonly Pulse[];
  /** From when it was back. */
  readonly samples: readonly ServerSample[];
  readonly asked: readonly Asked[];
  /** By the same caller just before. */
  readonly askedBefore: readonly Asked[];
}

const SERVED_BAR_S = 60;
const CALLER_BAR_MS = 250;
const FAILED_BAR = 0;

const percentile = (values: readonly number[], part: number): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length * part)] ?? 0;

/** The most in a second, of what is counted from the start. */
const busiest = <T extends { readonly at: number }>(seen: readonly T[], of: (each: T) => number): number => {
  let most = 0;
  for (const [at, from] of seen.entries()) {
    const to = seen.slice(at + 1).find((later) => later.at - from.at >= 950);
    if (to) most = Math.max(most, (of(to) - of(from)) / ((to.at - from.at) / 1000));
  }
  return most;
};

/** All agents share one event loop here, which no fleet does: what it makes them wait counts against nobody. */
const heldUp = (pulses: readonly Pulse[]): number =>
  Math.max(...pulses.slice(1).map(({ at }, before) => at - (pulses[before]?.at ?? at) - PULSE_MS));

const NAMES = { rolling: 'a rolling restart', crash: 'a crash', long: 'an outage longer than the SVIDs' } as const;

/** The figures of one outage beside their bars. */
export const barsOf = (happened: Happened): readonly Bar[] => {
  const { which, options, gone, back, pulses, samples, asked } = happened;
  const name = NAMES[which];
  const seconds = (at: number): number => (at - back) / 1000;
  const start = pulses[0]?.counts;
  const atReturn = pulses.findLast(({ at }) => at <= back)?.counts;
  const end = pulses.at(-1)?.counts;
  const after = pulses.filter(({ at }) => at >= back);
  const away = Math.max(1, (back - gone) / 1000);
  const refused = (code: string): number => (end?.refused[code] ?? 0) - (start?.refused[code] ?? 0);
  const all = options.agents * options.entriesPerAgent;
  const missing = all - Math.min(...pulses.map(({ svids }) => svids));
  const answered = asked.filter(({ status }) => status === 200);
  const latencies = answered.map(({ ms }) => ms);
  const of = (what: string): string => `${name}: ${what}`;
  return [
    told(of('the server is away'), (back - gone) / 1000, 's'),
    told(
      of('connections tried a second meanwhile'),
      ((atReturn?.connections ?? 0) - (start?.connections ?? 0)) / away,
      '/s',
    ),
    told(of('the first agent is synchronised after'), seconds(happened.first), 's'),
    atMost(of('the last agent is synchronised after'), seconds(happened.last), 's', SERVED_BAR_S),
    atMost(of('every workload has a good SVID after'), seconds(happened.whole), 's', SERVED_BAR_S),
    which === 'long'
      ? told(of('SVIDs that ended meanwhile'), missing, '')
      : atMost(of('SVIDs that ended meanwhile'), missing, '', FAILED_BAR),
    told(of('agents that renewed their own SVID'), (pulses.at(-1)?.renewed ?? 0) - (pulses[0]?.renewed ?? 0), ''),
    told(
      of('most connections in a second'),
      busiest(after, ({ counts }) => counts.connections),
      '/s',
    ),
    told(
      of('most calls in a second, as agents count'),
      busiest(after, ({ counts }) => counts.calls),
      '/s',
    ),
    told(
      of('most SVIDs asked for in a second'),
      busiest(after, ({ counts }) => counts.items),
      '/s',
    ),
    told(
      of('most requests in a second, as the server counts'),
      busiest(samples, ({ requests }) => requests),
      '/s',
    ),
    atMost(of('refused: an agent above its rate (429)'), refused('rate_limited'), '', FAILED_BAR),
    told(of('refused: the server is full (503)'), refused('busy'), ''),
    told(
      of('calls that came to nothing after the return'),
      (end?.refused['unavailable'] ?? 0) - (atReturn?.refused['unavailable'] ?? 0),
      '',
    ),
    told(of('most CPU of the server in a second'), busiest(samples, ({ cpu }) => cpu) * 100, '%'),
    told(of('most memory of the server'), Math.max(...samples.map(({ residentMiB }) => residentMiB)), 'MiB'),
    told(of('the agents waited for each other, at most'), heldUp(after), 'ms'),
    told(
      of('another caller before, 99 of 100'),
      percentile(
        happened.askedBefore.map(({ ms }) => ms),
        0.99,
      ),
      'ms',
    ),
    told(of('another caller, median'), percentile(latencies, 0.5), 'ms'),
    atMost(of('another caller, 99 of 100'), percentile(latencies, 0.99), 'ms', CALLER_BAR_MS),
    atMost(of('another caller, not served'), asked.length - answered.length, '', FAILED_BAR),
  ];
};

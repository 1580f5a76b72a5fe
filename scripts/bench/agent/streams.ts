import { residentMiB } from '../memory.ts';
import { atMost, type Bar, median, told } from '../scale/bars.ts';
import { type News, Watchers } from './callers.ts';
import type { BenchEntries } from './entries.ts';
import type { AgentOptions } from './options.ts';

const STREAM_BAR_KIB = 40;
const SPREAD_BAR_S = 1;
const PROPAGATION_BAR_S = 1;
const SHORT_TTL = 10;
const SETTLE_MS = 5000;

export interface StreamsParts {
  readonly program: string;
  readonly socket: string;
  readonly agentPid: number;
  readonly entries: BenchEntries;
  readonly options: AgentOptions;
  readonly progress: (line: string) => void;
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const serialsOf = ({ svids }: News): string => svids.map(({ serial }) => serial).join();

const percentile = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? 0;

const isAll = ({ event }: News): boolean => event === 'all';

/** Streams on connections of their own, each by its share of what the agent grew by. */
const openAll = async ({ program, socket, agentPid, options: { streams } }: StreamsParts) => {
  // The first few warm code and caches that every agent has in use.
  const few = Math.ceil(streams / 10);
  const firstFew = new Watchers(program, socket, few);
  await firstFew.hears('their first answers', isAll);
  await wait(SETTLE_MS);
  const before = residentMiB(agentPid);
  const others = new Watchers(program, socket, streams);
  await others.hears('their first answers', isAll);
  await wait(SETTLE_MS);
  const kib = ((residentMiB(agentPid) - before) * 1024) / streams;
  await firstFew.end();
  return { watchers: others, kib };
};

/** Seconds between the first and the last stream that has the next SVID, for so many of its renewals. */
const followRotations = async (watchers: Watchers, rotations: number): Promise<readonly number[]> => {
  const spreads: number[] = [];
  let from = watchers.heard.length;
  for (let n = 0; n < rotations; n += 1) {
    const first = await watchers.hears('a rotation', ({ event }) => event === 'first', from);
    const serials = serialsOf(first);
    const last = await watchers.hears('all of a rotation', (news) => isAll(news) && serialsOf(news) === serials, from);
    spreads.push((last.at - first.at) / 1000);
    from = watchers.heard.indexOf(last) + 1;
  }
  return spreads;
};

/** Seconds from the server's answer to what a change makes of the stream's state. */
const follow = async (
  watchers: Watchers,
  changes: number,
  change: (n: number) => Promise<(news: News) => boolean>,
): Promise<readonly number[]> => {
  const times: number[] = [];
  for (let n = 0; n < changes; n += 1) {
    const from = watchers.heard.length;
    const isIt = await change(n);
    const answered = performance.timeOrigin + performance.now();
    const news = await watchers.hears('a change', (each) => isAll(each) && isIt(each), from);
    times.push(Math.max(0, news.at - answered) / 1000);
  }
  return times;
};

const timesOf = (what: string, times: readonly number[]): readonly Bar[] => [
  told(`${what}: p50`, percentile(times, 0.5), 's'),
  atMost(`${what}: p99`, percentile(times, 0.99), 's', PROPAGATION_BAR_S),
];

const measureChanges = async (parts: StreamsParts): Promise<readonly Bar[]> => {
  const { program, socket, entries, options, progress } = parts;
  const watchers = new Watchers(program, socket, 1);
  try {
    await watchers.hears('their first answers', isAll);
    progress(`${options.changes} changes of an entry`);
    const changed = await follow(watchers, options.changes, async (n) => {
      const hint = `change-${n}`;
      await entries.changeOwn({ hint });
      return ({ svids }) => svids.some((svid) => svid.hint === hint);
    });
    progress(`${options.changes} entries that come and go`);
    const added = await follow(watchers, options.changes, async (n) => {
      const spiffeId = await entries.addAnother(n);
      return ({ svids }) => svids.some((svid) => svid.spiffeId === spiffeId);
    });
    const removed = await follow(watchers, options.changes, async (n) => {
      const spiffeId = await entries.removeAnother(n);
      return ({ svids }) => !svids.some((svid) => svid.spiffeId === spiffeId);
    });
    progress(`${options.changes} revocations`);
    const revoked = await follow(watchers, options.changes, async () => {
      const before = serialsOf(watchers.heard.at(-1) as News);
      await entries.revokeOwn();
      return (news) => serialsOf(news) !== before;
    });
    return [
      ...timesOf('an entry changed, from the answer to the stream', changed),
      ...timesOf('an entry added, until its SVID is in the stream', added),
      ...timesOf('an entry deleted', removed),
      ...timesOf('an identity revoked, until its next SVID', revoked),
    ];
  } finally {
    await watchers.end();
  }
};

/** Seconds from the answer of the server until the last stream has an SVID of the other authority. */
const followTaint = async (
  watchers: Watchers,
  entries: BenchEntries,
  progress: (line: string) => void,
): Promise<number> => {
  const hasLong = (news: News): boolean => isAll(news) && news.svids.some(({ hint }) => hint === 'long');
  await entries.changeOwn({ hint: 'long' });
  const { svids } = await watchers.hears('a long life', hasLong);
  const old = svids[0]?.authority;
  await wait(SETTLE_MS);
  progress('a tainted authority');
  const from = watchers.heard.length;
  await entries.replaceAuthority();
  const answered = performance.timeOrigin + performance.now();
  const hasMoved = (news: News): boolean => isAll(news) && news.svids.every(({ authority }) => authority !== old);
  const { at } = await watchers.hears('a tainted authority', hasMoved, from);
  return Math.max(0, at - answered) / 1000;
};

/** What open streams cost, and how soon they hear of news, against their bars. */
export const measureStreams = async (parts: StreamsParts): Promise<readonly Bar[]> => {
  const { entries, agentPid, options, progress } = parts;
  const changes = await measureChanges(parts);
  progress(`${options.streams} streams`);
  const { watchers, kib } = await openAll(parts);
  try {
    progress(`${options.rotations} rotations`);
    await entries.changeOwn({ x509Ttl: SHORT_TTL, hint: 'short' });
    await watchers.hears('a short life', (news) => isAll(news) && news.svids.some(({ hint }) => hint === 'short'));
    const spreads = await followRotations(watchers, options.rotations);
    const moved = await followTaint(watchers, entries, progress);
    return [
      ...changes,
      atMost(`one of ${options.streams} streams`, kib, 'KiB', STREAM_BAR_KIB),
      told(`resident with ${options.streams} streams`, residentMiB(agentPid), 'MiB'),
      told(`rotations that all of ${options.streams} streams heard of`, spreads.length, ''),
      told('first to last stream: median', median(spreads), 's'),
      atMost('first to last stream: worst', Math.max(...spreads), 's', SPREAD_BAR_S),
      told(`an authority tainted, until the last of ${options.streams} streams has moved`, moved, 's'),
    ];
  } finally {
    await watchers.end();
  }
};

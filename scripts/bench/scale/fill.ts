import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { systemClock } from '../../../src/adapters/system/clock.ts';
import { systemEntropy } from '../../../src/adapters/system/entropy.ts';
import type { FrontEndLedger } from '../../../src/adapters/sqlite/open-ledger.ts';
import { devConfig } from '../../../src/compose/dev-config.ts';
import { openStore } from '../../../src/compose/store.ts';
import type { Authority } from '../../../src/domain/authority.ts';
import type { Fact } from '../../../src/domain/fact.ts';
import type { Instant } from '../../../src/domain/instant.ts';
import { parseRecordId } from '../../../src/domain/record-id.ts';
import type { SpiffeId } from '../../../src/domain/spiffe-id.ts';
import type { TrustDomain } from '../../../src/domain/trust-domain.ts';
import type { Clock } from '../../../src/ports/clock.ts';
import type { Prepared } from '../prepare.ts';
import { openDataSet, writeDataSet, type DataSet } from './data-set.ts';
import { Fleet, type FleetGround, type FleetPlan } from './fleet.ts';

/** Facts in one group, and groups that wait for the writer at once: full batches, and never more than it takes. */
const GROUP = 256;
const IN_FLIGHT = 16;
const PROGRESS_MS = 5000;

/** What the facts of the fleet refer to, from the prepared folder. */
export const groundOf = (
  { trustDomain, resource, scope, agents }: Prepared,
  { views }: Pick<FrontEndLedger, 'views'>,
): FleetGround => {
  const active = (purpose: Authority['purpose']) => {
    const found = views.authorities.list(purpose).find(({ state }) => state === 'active');
    if (!found) throw new Error(`the data set has no active key for ${purpose}`);
    return found.id;
  };
  return {
    trustDomain: trustDomain as TrustDomain,
    resource,
    scope,
    authorities: {
      'x509-svid': active('x509-issuing'),
      'jwt-svid': active('jwt-svid'),
      'access-token': active('access-token'),
    },
    agents: agents.map(({ spiffeId, chain }) => ({
      spiffeId: spiffeId as SpiffeId,
      serial: parseRecordId(new X509Certificate(chain).serialNumber.padStart(32, '0')),
    })),
  };
};

/** The wall clock says when each fact happened; the rest is the machine's. */
class FleetClock implements Clock {
  #now = 0 as Instant;

  now(): Instant {
    return this.#now;
  }

  monotonic(): number {
    return systemClock.monotonic();
  }

  set(now: Instant): void {
    this.#now = now;
  }
}

const configOf = ({ trustDomain }: Prepared, dataDir: string) =>
  devConfig({ trustDomain, dataDir, adminSocket: join(dataDir, 'admin.sock'), port: 0, publicPort: 0, frontEnds: 1 });

/** Opens the folder's ledger as the server does, for as long as `work` takes. */
export const withLedger = async <T>(
  prepared: Prepared,
  dataDir: string,
  clock: Clock,
  work: (opened: FrontEndLedger) => Promise<T>,
): Promise<T> => {
  const onFatal = (error: Error): never => {
    throw error;
  };
  const store = await openStore(configOf(prepared, dataDir), true, { clock, entropy: systemEntropy(), onFatal });
  const opened = store.connect();
  try {
    return await work(opened);
  } finally {
    opened.close();
    await store.close();
  }
};

/** The fleet of a data set that was filled. */
export const fleetOf = async (dataDir: string, { prepared, plan }: DataSet): Promise<Fleet | undefined> =>
  plan && withLedger(prepared, dataDir, systemClock, async (opened) => new Fleet(plan, groundOf(prepared, opened)));

/** Appends a group of facts; throws unless it was committed. */
export const recorded = async ({ ledger }: FrontEndLedger, facts: readonly Fact[]): Promise<void> => {
  const answer = await ledger.append({ facts });
  if (answer.status !== 'committed') throw new Error(`the ledger did not take a fact: ${JSON.stringify(answer)}`);
};

type Progress = (line: string) => void;

/** Records what is still missing of the fleet, in its order: the writer admits each fact as it does those of a server. */
const record = async (fleet: Fleet, clock: FleetClock, opened: FrontEndLedger, start: number, progress: Progress) => {
  const began = performance.now();
  const first = opened.views.log.head().size - start;
  const left = fleet.size - first;
  const waiting: Promise<void>[] = [];
  let next = performance.now() + PROGRESS_MS;
  for (let at = first; at < fleet.size; at += GROUP) {
    clock.set(fleet.timeOf(at));
    const facts = Array.from({ length: Math.min(GROUP, fleet.size - at) }, (_, n) => fleet.fact(at + n));
    waiting.push(recorded(opened, facts));
    if (waiting.length >= IN_FLIGHT) await waiting.shift();
    if (performance.now() < next) continue;
    next += PROGRESS_MS;
    const rate = (at - first) / ((performance.now() - began) / 1000);
    const share = ((at / fleet.size) * 100).toFixed(1);
    progress(
      `${share} % of ${fleet.size} facts, ${rate.toFixed(0)}/s, ${((fleet.size - at) / rate).toFixed(0)} s left`,
    );
  }
  await Promise.all(waiting);
  return { facts: left, seconds: (performance.now() - began) / 1000 };
};

export interface FillOptions {
  readonly entries: number;
  readonly credentialsPerEntry: number;
  /** How many days ago the last credential was issued; 0 for now. */
  readonly agedDays: number;
}

const DAY_MS = 24 * 3600 * 1000;
/** The credentials of a fleet were issued within an hour. */
const SPAN_MS = 3600 * 1000;

/**
 * Fills a data folder through the real writer: each entry and each credential is a fact that was admitted, hashed into the
 * tree and made durable, as if a server had recorded it, but for the signature that comes after. Goes on where an
 * interrupted fill stopped; does nothing where all is there. Refuses a folder that was filled otherwise.
 */
export const fill = async (dataDir: string, options: FillOptions, progress: Progress): Promise<DataSet> => {
  const found = await openDataSet(dataDir);
  const to = systemClock.now() - options.agedDays * DAY_MS;
  const { entries, credentialsPerEntry } = options;
  const plan: FleetPlan = found.plan ?? { entries, credentialsPerEntry, from: to - SPAN_MS, span: SPAN_MS };
  if (plan.entries !== entries || plan.credentialsPerEntry !== credentialsPerEntry) {
    throw new Error(`${dataDir} holds ${plan.entries} entries with ${plan.credentialsPerEntry} credentials each`);
  }
  if (found.isFilled) return found;
  const clock = new FleetClock();
  clock.set(systemClock.now());
  return withLedger(found.prepared, dataDir, clock, async (opened) => {
    const fleet = new Fleet(plan, groundOf(found.prepared, opened));
    const start = found.start ?? opened.views.log.head().size;
    writeDataSet(dataDir, { ...found, plan, start });
    progress(`${plan.entries} entries and ${fleet.credentials} credentials into ${dataDir}`);
    const { facts, seconds } = await record(fleet, clock, opened, start, progress);
    progress(`${facts} facts in ${seconds.toFixed(0)} s, ${(facts / seconds).toFixed(0)}/s`);
    const filled: DataSet = { ...found, plan, start, isFilled: true };
    writeDataSet(dataDir, filled);
    return filled;
  });
};

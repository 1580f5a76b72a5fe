import { existsSync } from 'node:fs';
import { readSealKey } from '../adapters/keys/seal-key.ts';
import { readHeadFile } from '../adapters/sqlite/head-file.ts';
import { holdFolder } from '../adapters/sqlite/lock.ts';
import { LogRows } from '../adapters/sqlite/log-rows.ts';
import { ledgerFile } from '../adapters/sqlite/open.ts';
import { readOnlyOf } from '../adapters/sqlite/read-only-row.ts';
import { sqliteViews } from '../adapters/sqlite/views.ts';
import { systemClock } from '../adapters/system/clock.ts';
import { systemEntropy } from '../adapters/system/entropy.ts';
import { Refusal } from '../domain/refusal.ts';
import { headFileContradiction, rootAt } from '../ledger/recover.ts';
import type { Clock } from '../ports/clock.ts';
import type { KnownElsewhere } from '../ports/ledger.ts';
import { authoritiesToTaint, draftNextEpoch } from '../usecases/open-next-epoch.ts';
import { rotateAuthorities } from '../usecases/rotate-authorities.ts';
import { authorityKeeper, authorityPolicy } from './authorities.ts';
import { readStore } from './check-store.ts';
import type { Config } from './config.ts';
import { giveToOwner } from './give-to-owner.ts';
import { buildIssuer } from './issuer.ts';
import { checkDataFolder, headFileOf, openStore } from './store.ts';

export interface AcceptOptions {
  readonly config: Config;
  /** Who asks, for the record. */
  readonly by: string;
  /** For tests with a time of their own. */
  readonly clock?: Clock;
}

/** A signing key as the plan names it. */
interface NamedKey {
  readonly id: string;
  readonly purpose: string;
}

export interface AcceptPlan {
  readonly store: string;
  /** Why the store takes no writes. */
  readonly reason: string;
  /** The head that is gone on from. */
  readonly epoch: number;
  readonly size: number;
  /** Keys that sign nothing any more. */
  readonly tainted: readonly NamedKey[];
}

export interface Accepted extends AcceptPlan {
  readonly newEpoch: number;
  /** Keys that were prepared or took over. */
  readonly activated: readonly NamedKey[];
  /** Why not every key has its successor yet; the server tries again when it starts. */
  readonly trouble?: string;
}

const refuse = (message: string): never => {
  throw new Refusal('conflict', message);
};

interface Standing {
  readonly plan: AcceptPlan;
  readonly known: KnownElsewhere;
}

const standing = ({ config }: AcceptOptions): Promise<Standing> => {
  const store = ledgerFile(config.server.dataDir);
  checkDataFolder(config.server.dataDir);
  if (!existsSync(store)) return refuse(`${store} is not there; mayfly restore FILE brings it back`);
  holdFolder(config.server.dataDir)();
  const head = readHeadFile(headFileOf(config.server));
  return readStore(store, ({ db, state }) => {
    if (state === undefined || state.size === 0) return refuse(`${store} holds nothing yet`);
    if (state.trustDomain !== config.trustDomain) {
      return refuse(`the store belongs to trust domain ${state.trustDomain}, not ${config.trustDomain}`);
    }
    const row = readOnlyOf(db);
    const reason =
      row?.reason ?? (head && headFileContradiction(state, (size) => rootAt(size, new LogRows(db).tile), head));
    if (reason === undefined) return refuse('the store takes writes; there is nothing to accept');
    const { epoch, size } = state;
    const tainted = authoritiesToTaint({ views: sqliteViews(db), authorityPolicy: authorityPolicy(config) });
    const known = { reason, epoch: Math.max(row?.epoch ?? 0, head?.epoch ?? 0) };
    return {
      plan: { store, reason, epoch, size, tainted: tainted.map(({ id, purpose }) => ({ id, purpose })) },
      known,
    };
  });
};

/**
 * Says what `acceptRestore` would do, and changes nothing. Refuses with `conflict` when there is nothing to accept; throws
 * with a sentence for the operator when a server is running on the folder.
 */
export const planAcceptance = async (options: AcceptOptions): Promise<AcceptPlan> => (await standing(options)).plan;

/**
 * Lets a store that takes no writes take them again, in a new epoch (DEC-10): open join tokens are void, the authorities are
 * tainted and their spares take over, and every agent resyncs whole. The first three hold in the transaction that opens the
 * epoch; should the process die before the spares took over, the next start of the server sees to it. Refuses as
 * `planAcceptance`.
 */
export const acceptRestore = async (options: AcceptOptions): Promise<Accepted> => {
  const { plan, known } = await standing(options);
  const { config, by, clock = systemClock } = options;
  const { promise: failed, reject: onFatal } = Promise.withResolvers<never>();
  const entropy = systemEntropy();
  const sealKey = readSealKey(config.server.sealKey, { credentials: config.credentials });
  const store = await openStore(config, false, { clock, entropy, onFatal });
  const opened = store.connect();
  const built = buildIssuer({ config, clock, entropy, opened, sealKey });
  const keeper = authorityKeeper(config, built);
  const draft = draftNextEpoch(keeper, opened.views.log.head(), known, by);
  await Promise.race([store.openEpoch(draft), failed]);
  const successors = await takeOver(() => Promise.race([rotateAuthorities(keeper, by), failed]));
  opened.close();
  await store.close();
  giveToOwner(config.server);
  return { ...plan, newEpoch: draft.opened.epoch, ...successors };
};

/** The epoch is open whatever becomes of this. */
const takeOver = async (
  rotate: () => ReturnType<typeof rotateAuthorities>,
): Promise<Pick<Accepted, 'activated' | 'trouble'>> => {
  try {
    const steps = await rotate();
    const activated = steps.flatMap((step) =>
      step.kind === 'activate' ? [{ id: step.id, purpose: step.purpose }] : [],
    );
    return { activated };
  } catch (error) {
    return { activated: [], trouble: Error.isError(error) ? error.message : 'a key has no successor' };
  }
};

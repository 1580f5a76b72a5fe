import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { TOKEN_BUCKET_BYTES } from '../adapters/http/token-buckets.ts';
import type { TlsIdentity } from '../adapters/http/tls.ts';
import type { HttpServer } from '../adapters/http/server.ts';
import { ledgerFile } from '../adapters/sqlite/open.ts';
import type { OpenLedger } from '../adapters/sqlite/open-ledger.ts';
import { systemClock } from '../adapters/system/clock.ts';
import { systemEntropy } from '../adapters/system/entropy.ts';
import { openFileLimit } from '../adapters/system/open-files.ts';
import { systemLogger } from '../adapters/system/logger.ts';
import { systemTimers } from '../adapters/system/timers.ts';
import type { Clock } from '../ports/clock.ts';
import type { Logger } from '../ports/logger.ts';
import type { Timers } from '../ports/timers.ts';
import { ServerSvidKeeper } from '../usecases/keep-server-svid.ts';
import { awaitedRoot } from '../usecases/awaited-root.ts';
import { rotateAuthorities } from '../usecases/rotate-authorities.ts';
import { authorityKeeper } from './authorities.ts';
import { Background } from './background.ts';
import { BundleFile } from './bundle-file.ts';
import type { Config } from './config.ts';
import { type ConnectionLimits, connectionLimits } from './connection-limit.ts';
import { FrontEnd, type FrontEndShare } from './front-end.ts';
import { FrontEnds } from './front-ends.ts';
import { KeptIdentity } from './kept-identity.ts';
import { listenerNames, makeListenerKey, publicIdentity } from './listener-identity.ts';
import { openOperations } from './operations.ts';
import type { RunningServer } from './running-server.ts';
import { headFileOf, openStore, sealKeyOf } from './store.ts';
import type { ServerTesting } from './testing.ts';
import { unlessReadOnly } from './unless-read-only.ts';
import { packageVersion } from './version.ts';

export interface ServerOverrides {
  /** `mayfly dev`: loopback, the seal key beside the data, the listener's own address as public URL. */
  readonly dev?: boolean;
  /** For tests with a time of their own; then there is one front end, since further ones have the system's clock. */
  readonly clock?: Clock;
  /** What drives the work in the background; the system's unless told. */
  readonly timers?: Timers;
  readonly logger?: Logger;
  /** Told after each probe what stands in the way of serving; nothing when it is ready. */
  readonly onHealth?: (reasons: readonly string[]) => void;
  /** For tests of crashes. */
  readonly testing?: ServerTesting;
}

/** Without a certificate no handshake succeeds: what cannot prove who it is talks to nobody, but for the operator. */
const NO_IDENTITY: TlsIdentity = { certificateChain: '', privateKey: '' };

/** A store that was restored, or lay for longer than the last certificate lived. */
const NO_CERTIFICATE =
  'there is no certificate to show: only the admin socket and the metrics port answer, and public if it has one of its own, ' +
  'until the store takes writes again (mayfly restore --accept, or a newer copy of it)';

const SECRET_BYTES = 32;

const frontEndCount = (config: Config, overrides: ServerOverrides): number => {
  if (overrides.clock) return 1;
  // `reusePort` spreads connections over threads on Linux only (DEC-1).
  const sensible = process.platform === 'linux' ? availableParallelism() : 1;
  return config.server.frontEnds ?? sensible;
};

/** Without its head file a start cannot see that the store was rolled back; the agents' memory is then all there is. */
const lacksHead = ({ server }: Config): boolean =>
  !existsSync(headFileOf(server)) && existsSync(ledgerFile(server.dataDir));

const warn = (logger: Logger, { server }: Config, connections: ConnectionLimits, isHeadMissing: boolean): void => {
  if (isHeadMissing) {
    const headFile = headFileOf(server);
    logger.warn('the head file is missing beside a store that exists; a new one is begun', { headFile });
  }
  const configured = server.limits.connections;
  if (connections.public < configured) {
    logger.warn('the limit of open files leaves room for fewer connections than configured', {
      configured,
      api: connections.api,
      public: connections.public,
    });
  }
};

/** Opens the store, makes the first authorities of a new trust domain, and gives the first front end, not yet listening. */
const openFirst = async (config: Config, overrides: ServerOverrides, onFatal: (error: Error) => void) => {
  const { dev = false, clock = systemClock, logger = systemLogger() } = overrides;
  const entropy = systemEntropy();
  const count = frontEndCount(config, overrides);
  const share: FrontEndShare = {
    config,
    dev,
    sealKey: sealKeyOf(config, dev, entropy),
    challengeKey: entropy.bytes(SECRET_BYTES),
    limitMemory: new SharedArrayBuffer(TOKEN_BUCKET_BYTES),
    limitSalt: entropy.bytes(SECRET_BYTES),
    reusePort: count > 1,
    connections: connectionLimits(config.server.limits.connections, count, openFileLimit()),
  };
  const { ledger: testing, wrap } = overrides.testing ?? {};
  const isHeadMissing = lacksHead(config);
  const onHeadLost = ({ message }: Error): void => logger.error('the head file was not written', { error: message });
  const store = await openStore(config, dev, { clock, entropy, onFatal, onHeadLost, ...(testing && { testing }) });
  const parts = { clock, entropy, delays: systemTimers, logger, opened: store.connect(), ...(wrap && { wrap }) };
  const frontEnds = new FrontEnds((agents) => new FrontEnd(share, { ...parts, agents }));
  return { share, store, first: frontEnds.first, frontEnds, clock, logger, isHeadMissing };
};

/** Ends in the order in which answers depend on each other: listeners, then what they counted, then the ledger. */
const shutDown = async (
  background: Background,
  operations: readonly HttpServer[],
  frontEnds: FrontEnds,
  store: OpenLedger,
): Promise<void> => {
  background.stop();
  await Promise.all([frontEnds.close(), ...operations.map((server) => server.close())]);
  await unlessReadOnly(frontEnds.first.built.issuer.ledger.append({ facts: [{ kind: 'server-stopped' }] }));
  frontEnds.first.letGo();
  await store.close();
};

/**
 * Starts a whole server; resolves when it can issue, which it has tried, or waits for its offline root (`waitsFor`), or
 * takes no writes since someone remembers more than its store (`readOnly`). Rejects with a sentence for the operator when it
 * must not start: another server holds the folder, the seal key is missing or readable by others, a port is taken. Then the
 * store is let go of again.
 */
export const startServer = async (config: Config, overrides: ServerOverrides = {}): Promise<RunningServer> => {
  const { promise: fatal, resolve } = Promise.withResolvers<Error>();
  let died: Error | undefined;
  const onFatal = (error: Error): void => {
    died ??= error;
    resolve(error);
  };
  const opened = await openFirst(config, overrides, onFatal);
  try {
    return await serve(config, overrides, opened, { fatal, onFatal });
  } catch (error) {
    await opened.first.stopServing();
    opened.first.letGo();
    await opened.store.close();
    // Who waited for the writer heard only that it is gone.
    throw died ?? error;
  }
};

type Opened = Awaited<ReturnType<typeof openFirst>>;

interface Ending {
  readonly fatal: Promise<Error>;
  readonly onFatal: (error: Error) => void;
}

const serve = async (
  config: Config,
  overrides: ServerOverrides,
  { share, store, first, frontEnds, clock, logger, isHeadMissing }: Opened,
  { fatal, onFatal }: Ending,
): Promise<RunningServer> => {
  const { issuer } = first.built;
  const keeper = authorityKeeper(config, first.built);
  const readOnly = store.readOnly();
  if (readOnly === undefined) {
    await rotateAuthorities(keeper, issuer.views.authorities.list().length === 0 ? 'init' : 'start');
  }
  const svid = new ServerSvidKeeper(issuer, listenerNames(config), makeListenerKey);
  const kept = new KeptIdentity(config, share.sealKey, { ...issuer, logger });
  svid.onChange((renewed) => kept.keep(renewed));
  const waitsFor = awaitedRoot(keeper);
  const canIssue = waitsFor === undefined && readOnly === undefined;
  if (canIssue) await svid.renew();

  const forPublic = publicIdentity(config);
  const before = readOnly === undefined ? undefined : kept.take(clock.now());
  const own = canIssue ? svid.current() : (before ?? NO_IDENTITY);
  const identities = { own, ...(forPublic && { forPublic }) };
  const count = frontEndCount(config, overrides);
  const addresses = await frontEnds.listen(share, identities, count, () => store.line(), onFatal);
  svid.onChange((renewed) => frontEnds.replaceIdentity(renewed));

  const operations = await openOperations({
    config,
    frontEnd: first,
    addresses,
    delays: systemTimers,
    collect: () => frontEnds.metrics(),
  });
  const { dataDir } = config.server;
  const bundleFile = new BundleFile(dataDir, issuer.follower, logger);
  bundleFile.write();
  issuer.follower.on('authorities', () => bundleFile.follow());
  if (readOnly === undefined) {
    await issuer.ledger.append({ facts: [{ kind: 'server-started', version: packageVersion(), frontEnds: count }] });
  }

  const background = new Background({
    timers: overrides.timers ?? systemTimers,
    clock,
    logger,
    store,
    issuer,
    keeper,
    svid,
    bundleFile,
    tell: (report) => {
      frontEnds.tell(report);
      overrides.onHealth?.(report.reasons);
    },
    flushDenials: () => frontEnds.flushDenials(),
    purged: () => frontEnds.purged(),
    countAgents: () => frontEnds.countStoppedAgents(),
  });
  await background.start();
  const hindered = { ...(waitsFor !== undefined && { waitsFor }), ...(readOnly !== undefined && { readOnly }) };
  // Only now: of a server that does not start, one sentence is all that counts.
  warn(logger, config, share.connections, isHeadMissing);
  if (readOnly !== undefined && own === NO_IDENTITY) logger.warn(NO_CERTIFICATE, { reason: readOnly });
  logger.info('serving', { ...addresses, frontEnds: count, ...hindered });

  let stopping: Promise<void> | undefined;
  return {
    ready: {
      trustDomain: config.trustDomain,
      ...addresses,
      adminSocket: config.server.admin.socket,
      bundleFile: bundleFile.path,
      dataDir,
    },
    ...hindered,
    fatal,
    stop: () => {
      stopping ??= shutDown(background, operations, frontEnds, store).then(() => logger.info('stopped'));
      return stopping;
    },
  };
};

import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { check, finish } from '../servers/report.ts';
import { clientEnvoy, type Road, serverEnvoy, VARIANTS, wayIn, wayOut } from './bootstrap.ts';
import { type Envoy, startEnvoy } from './envoy.ts';
import { ask, type Load, pairOf, type Seen, startLoad } from './load.ts';
import { type Services, withServices } from './services.ts';
import { strangers, tlsGet } from './tls-client.ts';
import { until } from './until.ts';

// Two services that know nothing of TLS, each behind an Envoy whose certificates come from Mayfly's socket.

const ROTATIONS = 20;
const PER_SECOND = 25;
/** Answers on each road with the newest certificates on both sides, before the next ones come. */
const ANSWERS_PER_ROTATION = 20;
const OTHER = 'spiffe://example.org/other';

const [envoyProgram = 'envoy'] = process.argv.slice(2);

const newest = (leaves: ReadonlySet<string>): string => [...leaves].at(-1) ?? '';

/** The service behind: it answers with what it is told of its client. */
const startApplication = async (path: string): Promise<() => void> => {
  const server = createServer((incoming, outgoing) =>
    outgoing.end(String(incoming.headers['x-forwarded-client-cert'])),
  );
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return () => server.close();
};

/** Changes something, and waits until every road has answered well with new certificates on both sides. */
const rotateUnder = async (load: Load, rotate: () => Promise<void>): Promise<void> => {
  const all = [...load.seen.values()];
  await until('first answers', () => all.every(({ pairs }) => pairs.size > 0) || undefined);
  const before = new Map(all.map((seen) => [seen, [seen.clientLeaves.size, seen.serverLeaves.size] as const]));
  const hasMoved = (seen: Seen): boolean => {
    const [clients = 0, servers = 0] = before.get(seen) ?? [];
    const answers = seen.pairs.get(pairOf(newest(seen.clientLeaves), newest(seen.serverLeaves))) ?? 0;
    return seen.clientLeaves.size > clients && seen.serverLeaves.size > servers && answers >= ANSWERS_PER_ROTATION;
  };
  await rotate();
  await until('new certificates on every road', () => all.every(hasMoved) || undefined);
};

const rotateOften = async (services: Services, load: Load): Promise<void> => {
  for (let rotation = 1; rotation <= ROTATIONS; rotation++) {
    if (rotation === ROTATIONS / 2) await services.changeRoot();
    await rotateUnder(load, () => services.rotate());
    if (rotation === ROTATIONS / 4) await rotateUnder(load, () => services.restartAgent());
  }
};

/** What a road answers once it is open: an Envoy listens when it has its secrets. */
const firstAnswer = (folder: string, name: string): Promise<string> =>
  until(`an answer on ${name}`, async () => {
    const outcome = await ask(wayOut(folder, name)).catch(() => undefined);
    return outcome?.status === 200 ? outcome.text : undefined;
  });

const checkRoads = async ({ folder, frontend, backend }: Services, roads: readonly Road[]): Promise<void> => {
  for (const { name } of roads) {
    await check(`${name}: both sides know each other`, async () => {
      match(
        await firstAnswer(folder, name),
        new RegExp(`^By=${backend.spiffeId};Hash=[0-9a-f]{64};URI=${frontend.spiffeId}$`),
      );
    });
  }
};

const checkLoad = async (services: Services, roads: readonly Road[]): Promise<void> => {
  const load = startLoad(new Map(roads.map(({ name }) => [name, wayOut(services.folder, name)])), PER_SECOND);
  await check(`${ROTATIONS} rotations, one of the root, one restart of the agent`, () => rotateOften(services, load));
  await load.stop();
  for (const [name, { sent, answered, failures, clientLeaves, serverLeaves }] of load.seen) {
    console.log(
      `${name}: ${sent} requests, ${answered} answered, ${clientLeaves.size}+${serverLeaves.size} certificates`,
    );
    await check(`${name}: no request failed`, () => {
      deepEqual([...failures], []);
      equal(answered, sent);
      ok(sent > ROTATIONS * ANSWERS_PER_ROTATION);
    });
    await check(`${name}: every certificate was used`, () => {
      ok(clientLeaves.size > ROTATIONS && serverLeaves.size > ROTATIONS);
    });
  }
  await check('no Envoy refused what it was sent', () => deepEqual(services.refusals(), []));
};

const checkWrongPeers = async ({ folder }: Services, envoys: Record<'client' | 'server', Envoy>): Promise<void> => {
  await check('a server with another identity is refused', async () => {
    equal((await ask(wayOut(folder, 'wrong-server'))).status, 503);
    ok((await envoys.client.stat(/^cluster\.wrong-server\.ssl\.fail_verify_san$/)) > 0);
  });
  await check('a client with another identity is refused', async () => {
    equal((await ask(wayOut(folder, 'wrong-client'))).status, 503);
    ok((await envoys.server.stat(/in-wrong-client\.sock\.ssl\.fail_verify_san$/)) > 0);
  });
  await check('a certificate of somebody else is not to be had', async () => {
    equal((await ask(wayOut(folder, 'not-mine'))).status, 503);
    equal(await envoys.client.stat(/^sds\.spiffe_example\.org\/other\.update_success$/), 0);
  });
};

const checkOtherClients = async ({ folder, frontend, frontendSvid }: Services): Promise<void> => {
  const road = wayIn(folder, VARIANTS[1]?.name ?? '');
  const { sameNameOtherRoot } = await strangers(frontend.spiffeId);
  await check('a client without an Envoy is let in with its SVID', async () => {
    match(await tlsGet(road, frontendSvid), /URI=spiffe:\/\/example\.org\/frontend/);
  });
  await check('the same name under another root is refused', async () => {
    match(await tlsGet(road, sameNameOtherRoot), /^refused/);
  });
  await check('no certificate is refused', async () => match(await tlsGet(road, undefined), /^refused/));
};

const checkWithdrawal = async ({ folder, addIdentity, withdraw }: Services, client: Envoy): Promise<void> => {
  const statusOf = async (name: string): Promise<number> => (await ask(wayOut(folder, name))).status;
  const byId = ['spiffe-ids', 'delta-spiffe-ids-all'];
  await check('one of two identities is withdrawn: what is asked for by its name stays until it expires', async () => {
    await addIdentity('frontend-too');
    await withdraw('frontend');
    // The default is now the other identity, whom the server does not let in.
    for (const name of ['default-rootca', 'delta-default-rootca']) {
      await until(`another default on ${name}`, async () => ((await statusOf(name)) === 503 ? true : undefined));
    }
    deepEqual(await Promise.all(byId.map(statusOf)), [200, 200]);
  });
  await check('every identity is withdrawn: the streams end, and certificates stay until they expire', async () => {
    await withdraw('frontend-too');
    await until('the end of the streams', async () =>
      (await client.stat(/^sds\.default\.control_plane\.connected_state$/)) === 0 ? true : undefined,
    );
    deepEqual(await Promise.all(byId.map(statusOf)), [200, 200]);
  });
};

/** Configurations on the page for users are such that Envoy takes them. */
const checkPage = async (program: string, folder: string): Promise<void> => {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/workloads/envoy.md'), 'utf8');
  const configs = [...page.matchAll(/^```yaml\n(?<text>.*?)^```$/gms)].map(({ groups }) => groups?.['text'] ?? '');
  await check('the page has a configuration for each side', () => equal(configs.length, 2));
  for (const [at, text] of configs.entries()) {
    const file = join(folder, `page-${at}.yaml`);
    writeFileSync(file, text);
    await check(`configuration ${at + 1} of the page is good`, () => {
      const { status, stderr } = spawnSync(program, ['--mode', 'validate', '-c', file], { encoding: 'utf8' });
      equal(status, 0, stderr.split('\n').at(-2));
    });
  }
};

/** How an Envoy was given what it checks its peers with. */
const validationOf = async (envoy: Envoy): Promise<string> => {
  const secrets = await envoy.admin('/config_dump?resource=dynamic_active_secrets');
  return [...new Set(secrets.match(/"trusted_ca"|SPIFFECertValidatorConfig/g))].join();
};

await withServices(envoyProgram, async (services) => {
  const { folder, agentSocket, frontend, backend } = services;
  const roads: readonly Road[] = VARIANTS.map((variant) => ({
    name: variant.name,
    variant,
    server: backend.spiffeId,
    client: frontend.spiffeId,
  }));
  const [road] = roads;
  if (road === undefined) throw new Error('there is no road');
  const wrong: readonly Road[] = [
    { ...road, name: 'wrong-server', server: OTHER },
    { ...road, name: 'wrong-client', client: OTHER },
  ];
  const plain: Road = { ...road, name: 'plain-roots' };
  const notMine: Road = { ...road, name: 'not-mine', variant: { ...road.variant, certificate: () => OTHER } };
  const application = join(folder, 'application.sock');
  const closeApplication = await startApplication(application);
  const started: Envoy[] = [];
  const launch = async (id: string, program: string, config: object): Promise<Envoy> => {
    const envoy = await startEnvoy(program, folder, id, config);
    started.push(envoy);
    return envoy;
  };
  try {
    const server = await launch(
      'server',
      backend.envoy,
      serverEnvoy('server', { folder, agentSocket, ...backend }, [...roads, ...wrong, plain], application),
    );
    const client = await launch(
      'client',
      frontend.envoy,
      clientEnvoy('client', { folder, agentSocket, ...frontend }, [...roads, ...wrong, notMine]),
    );
    await checkPage(frontend.envoy, folder);
    await checkRoads(services, roads);
    await checkLoad(services, roads);
    await checkWrongPeers(services, { client, server });
    await checkOtherClients(services);
    await check('an Envoy that asks for plain roots has them', async () => {
      const metadata = { disable_spiffe_cert_validation: true };
      const old = await launch(
        'plain',
        frontend.envoy,
        clientEnvoy('plain', { folder, agentSocket, ...frontend, metadata }, [plain]),
      );
      await firstAnswer(folder, plain.name);
      deepEqual(await Promise.all([old, client].map(validationOf)), ['"trusted_ca"', 'SPIFFECertValidatorConfig']);
    });
    await checkWithdrawal(services, client);
  } finally {
    for (const envoy of started) await envoy.stop();
    closeApplication();
  }
});

finish();

import { Ajv2020 } from 'ajv/dist/2020.js';
import { templatePath } from '../../src/adapters/http/openapi.ts';
import type { Listener, Route } from '../../src/adapters/http/route.ts';
import { serverRoutes } from '../../src/adapters/http/routes/admin-server.ts';
import { metricsRoutes } from '../../src/adapters/http/routes/metrics.ts';
import { withOpenApi } from '../../src/adapters/http/routes/openapi.ts';
import { TOKEN_BUCKET_BYTES } from '../../src/adapters/http/token-buckets.ts';
import { systemTimers } from '../../src/adapters/system/timers.ts';
import { devConfig } from '../../src/compose/dev-config.ts';
import { FrontEnd } from '../../src/compose/front-end.ts';
import { keepingLogger } from '../support/http.ts';
import { Journey } from '../support/journey.ts';
import { openTestLedger, testEntropy, type TestLedger } from '../support/ledger.ts';
import { OPENAPI_SCHEMA } from '../support/openapi-schema.ts';

/** The documents that a whole server gives out, against every route that it is composed of. */
let journey: Journey;
let ledger: TestLedger;
let routes: readonly Route[];

beforeAll(async () => {
  journey = await Journey.start();
  ledger = await openTestLedger();
  const { dataDir, clock } = ledger;
  const adminSocket = `${dataDir}/a.sock`;
  const share = {
    config: devConfig({ trustDomain: 'example.org', dataDir, adminSocket, port: 0, publicPort: 0, frontEnds: 1 }),
    dev: true,
    sealKey: testEntropy.bytes(32),
    challengeKey: testEntropy.bytes(32),
    limitMemory: new SharedArrayBuffer(TOKEN_BUCKET_BYTES),
    limitSalt: testEntropy.bytes(32),
    reusePort: false,
    connections: { api: 100, public: 100 },
  };
  const opened = ledger.open.connect();
  const logger = keepingLogger();
  const frontEnd = new FrontEnd(share, { clock, entropy: testEntropy, delays: systemTimers, logger, opened });
  const addresses = { api: 'https://localhost:1', public: 'https://localhost:2' };
  const all = [
    ...frontEnd.routes(addresses),
    ...metricsRoutes({ collect: () => Promise.resolve('') }),
    ...serverRoutes('0', () => []),
  ];
  routes = withOpenApi(all, { version: '0' });
  frontEnd.letGo();
});

afterAll(async () => {
  await ledger.close();
  await journey.stop();
});

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

const documentOf = async (listener: Listener): Promise<Document> => {
  if (listener === 'admin') return journey.administer('GET', '/openapi.json');
  const client = listener === 'api' ? journey.api() : journey.public();
  return (await client.ask('/openapi.json')).json() as unknown as Document;
};

const METHODS = new Set(['get', 'put', 'post', 'delete', 'patch', 'head', 'options', 'trace']);

const operationsOf = ({ paths }: Document): readonly string[] =>
  Object.entries(paths).flatMap(([path, item]) =>
    Object.keys(item).flatMap((key) => (METHODS.has(key) ? [`${key.toUpperCase()} ${path}`] : [])),
  );

const sorted = (texts: readonly string[]): readonly string[] => texts.toSorted((a, b) => (a < b ? -1 : 1));

const servedBy = (listener: Listener): readonly string[] =>
  routes
    .filter(({ listeners }) => listeners.includes(listener))
    .map(({ method, path }) => `${method} ${templatePath(path)}`);

test.each<Listener>(['api', 'public', 'admin'])(
  'the document of %s has every route of it, and no other',
  async (listener) => {
    const documented = sorted(operationsOf(await documentOf(listener)));
    expect(documented).toEqual(sorted(servedBy(listener)));
    expect(documented.length).toBeGreaterThan(8);
  },
);

test('what the metrics listener serves is documented at the admin listener', async () => {
  const documented = operationsOf(await documentOf('admin'));
  expect(servedBy('metrics').filter((operation) => !documented.includes(operation))).toEqual([]);
});

test('each document follows OpenAPI 3.1, and every schema in it is one', async () => {
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  const validate = ajv.compile(OPENAPI_SCHEMA);
  for (const listener of ['api', 'public', 'admin'] as const) {
    const document = await documentOf(listener);
    expect([validate(document), validate.errors]).toEqual([true, null]);
  }
});

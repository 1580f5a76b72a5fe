import { mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import { Journey } from '../support/journey.ts';
import { testTime, type TestTime } from '../support/journey-time.ts';

let time: TestTime;
let journey: Journey;

beforeEach(async () => {
  time = testTime();
  journey = await Journey.start(time);
});
afterEach(() => journey.stop());

const pem = (): string => readFileSync(journey.server.ready.bundleFile, 'utf8');

const published = async (): Promise<unknown> => (await journey.public().ask('/bundle')).json();

const onFile = (): unknown =>
  JSON.parse(readFileSync(journey.server.ready.bundleFile.replace(/pem$/, 'json'), 'utf8')) as unknown;

const said = (): readonly string[] =>
  journey.log.lines.filter(({ message }) => message.startsWith('the bundle file')).map(({ message }) => message);

const tenSeconds = (): Promise<void> => time.pass(10_000, 10_000);

/** Another root is in the bundle from now on. */
const newRoot = (): Promise<unknown> =>
  journey.administer('POST', '/v1/admin/authorities', { kind: 'prepare', purpose: 'x509-root', confirm: true });

test.each(['bundle.pem', 'bundle.json'])('%s that cannot be written is tried again until it can', async (name) => {
  const before = pem();
  const obstacle = `${journey.dataDir}/${name}.next`;
  mkdirSync(obstacle);
  // It keeps nobody from changing authorities, and everyone else hears of it.
  await newRoot();
  const changed = await published();
  expect(onFile()).not.toEqual(changed);
  for (let count = 0; count < 3; count += 1) await tenSeconds();
  expect(said()).toEqual(['the bundle file is not written; it is tried again']);
  expect((await journey.public({ now: () => time.clock.now() }).ask('/readyz')).json()).toMatchObject({ ready: true });
  rmdirSync(obstacle);
  await tenSeconds();
  expect(onFile()).toEqual(changed);
  expect(pem()).not.toBe(before);
  await tenSeconds();
  expect(said()).toEqual(['the bundle file is not written; it is tried again', 'the bundle file is written again']);
});

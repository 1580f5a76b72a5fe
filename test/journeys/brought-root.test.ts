import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodePem } from '../../src/formats/pem.ts';
import { Journey } from '../support/journey.ts';
import { type TestTime, testTime } from '../support/journey-time.ts';
import { newCa, newKey, NOW } from '../support/x509.ts';

/** A trust domain whose root is the operator's, with its key in a file. */
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

let folder: string;
let keyFile: string;
let key: string;
let time: TestTime;
let journey: Journey;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mayfly-brought-'));
  const certFile = join(folder, 'root.pem');
  keyFile = join(folder, 'root.key');
  time = testTime(NOW * 1000);
  const root = await newCa(undefined, newKey(), { notAfter: NOW + 90 * (DAY / 1000) });
  key = root.key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  writeFileSync(certFile, encodePem('CERTIFICATE', root.certificate.der));
  writeFileSync(keyFile, key, { mode: 0o600 });
  journey = await Journey.start({
    ...time,
    configure: (server) => ({ ...server, root: { kind: 'files', certFile, keyFile } }),
  });
});
afterEach(async () => {
  await journey.stop();
  rmSync(folder, { recursive: true, force: true });
});

const readiness = async (): Promise<{ status: number; reasons: string[]; warnings?: string[] }> => {
  const answer = await journey.public().ask('/readyz');
  return { status: answer.status, ...(answer.json() as { reasons: string[]; warnings?: string[] }) };
};

test('while its key is away, the issuing CA goes on to its end, and the server with it; then all catches up', async () => {
  rmSync(keyFile);
  await time.pass(6 * DAY, 12 * HOUR);
  await time.pass(4 * HOUR, HOUR / 2);
  // The client has verified the server, whose own certificate lives for an hour.
  const told = await readiness();
  expect([told.status, told.reasons]).toEqual([503, [expect.stringContaining('rotation: ')]]);
  expect((await journey.attest({ agent: 'node' })).notAfter * 1000).toBeGreaterThan(time.clock.now());
  expect(journey.facts('authority-activated').filter(({ purpose }) => purpose === 'jwt-svid')).toHaveLength(2);
  writeFileSync(keyFile, key, { mode: 0o600 });
  await time.pass(60_000, 10_000);
  expect(await readiness()).toMatchObject({ status: 200, reasons: [] });
  expect((await journey.attest({ agent: 'node' })).notAfter * 1000 - time.clock.now()).toBe(DAY);
});

test('two months before it ends, the operator is told to bring the next one', async () => {
  await time.pass(29 * DAY, 12 * HOUR);
  expect((await readiness()).warnings).toBeUndefined();
  await time.pass(DAY, 12 * HOUR);
  expect((await readiness()).warnings).toEqual([expect.stringMatching(/^the root ends .*: bring the next one/)]);
});

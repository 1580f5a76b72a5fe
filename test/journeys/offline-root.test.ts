import { encodePem } from '../../src/formats/pem.ts';
import { Journey } from '../support/journey.ts';
import { newClient } from '../support/journey-client.ts';
import { type TestTime, testTime } from '../support/journey-time.ts';
import { newCa, newKey, NOW, type TestCa, type TestKey } from '../support/x509.ts';

/** A trust domain whose root key never comes near the server. */
const DAY = 86_400;

let time: TestTime;
let journey: Journey;
let root: TestCa;
beforeEach(async () => {
  time = testTime(NOW * 1000);
  root = await newCa(undefined, newKey(), { notAfter: NOW + 365 * DAY });
  journey = await Journey.start({
    ...time,
    configure: (server) => ({ ...server, root: { kind: 'offline' } }),
  });
});
afterEach(() => journey.stop());

const requested = () =>
  journey.administer<{ csr: string; authority: { publicKey: string } }>('POST', '/v1/admin/authorities/request');

const signed = async (by: TestCa, changes: Parameters<typeof newCa>[2] = {}): Promise<string> => {
  const { authority } = await requested();
  const key: TestKey = { ...newKey(), spki: Buffer.from(authority.publicKey, 'base64') };
  const { certificate } = await newCa(by, key, changes);
  return encodePem('CERTIFICATE', certificate.der);
};

const pem = ({ certificate }: TestCa): string => encodePem('CERTIFICATE', certificate.der);

const install = (certificate: string, roots?: string) =>
  journey.administer('POST', '/v1/admin/authorities/install', { certificate, ...(roots !== undefined && { roots }) });

test('until it has signed, the server is up and not ready, says what to do, and issues nothing', async () => {
  expect(journey.server.waitsFor).toContain('mayfly authority csr');
  const unready = await journey.admin.call({ method: 'GET', path: '/readyz' }).catch((error: Error) => error);
  expect(unready).toMatchObject({ status: 503 });
  expect(await journey.admin.call({ method: 'GET', path: '/livez' })).toMatchObject({ status: 200 });
  // Nothing can prove who the server is, so no handshake succeeds.
  const api = newClient({ url: journey.server.ready.api, roots: () => [], now: () => time.clock.now() });
  await expect(api.ask('/livez')).rejects.toThrow(/alert handshake failure/);
  api.close();
  await time.pass(3 * 3_600_000);
  expect(journey.facts('issued')).toEqual([]);
  // To wait is no failure that the log would have to tell, again and again.
  expect(journey.log.lines.filter(({ message }) => message.startsWith('background work'))).toEqual([]);
});

test('once it has signed, the server shows its SVID and issues, without a restart', async () => {
  await install(await signed(root), pem(root));
  await time.pass(60_000, 10_000);
  expect(await journey.admin.call({ method: 'GET', path: '/readyz' })).toMatchObject({ status: 200 });
  expect(journey.roots()).toEqual([root.certificate.der]);
  const held = await journey.attest({ agent: 'node-1' });
  expect(held.spiffeId).toBe('spiffe://example.org/mayfly/agent/join_token/node-1');
  expect(journey.facts('authority-installed')).toHaveLength(1);
});

test('what it has not signed, or not as a CA of ours, is refused and installs nothing', async () => {
  const other = await newCa();
  await expect(install(await signed(other), pem(root))).rejects.toThrow(/none of the roots has signed/);
  await expect(install(await signed(root))).rejects.toThrow(/hand in the root as well/);
  await expect(install(pem(other), pem(root))).rejects.toThrow(/no issuing CA of ours has the key/);
  const short = await signed(root, { notAfter: NOW + 60 });
  await expect(install(short, pem(root))).rejects.toThrow(/ends in less than/);
  expect(journey.facts('authority-installed')).toEqual([]);
});

test('from half of the life of the issuing CA on, the operator is told to have the next one signed', async () => {
  await install(await signed(root), pem(root));
  const told = async (): Promise<unknown> => {
    const { body } = await journey.admin.call({ method: 'GET', path: '/readyz' });
    return (body as { warnings?: unknown }).warnings;
  };
  const listed = () => journey.administer<{ warnings: readonly string[] }>('GET', '/v1/admin/authorities');
  const [issuing] = journey.facts('authority-installed');
  const life = ((issuing?.notAfter ?? 0) - time.clock.now() / 1000) * 1000;
  await time.pass(Math.floor(life / 2) - 3_600_000, 3_600_000);
  expect([await told(), (await listed()).warnings]).toEqual([undefined, []]);
  await time.pass(7_200_000, 3_600_000);
  const end = new Date((issuing?.notAfter ?? 0) * 1000).toISOString().replace('.000', '');
  const warning = expect.stringContaining(`the issuing CA ends ${end}: have the offline root sign the next one`);
  expect(await told()).toEqual([warning]);
  expect((await listed()).warnings).toEqual([warning]);
  expect(journey.log.lines.filter(({ message }) => message.startsWith('the issuing CA ends'))).toHaveLength(1);
  await install(await signed(root));
  await time.pass(10_000, 10_000);
  expect([await told(), (await listed()).warnings]).toEqual([undefined, []]);
});

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeCsr } from '../../src/formats/csr-writer.ts';
import { encodePem } from '../../src/formats/pem.ts';
import { attestAs, challengeOf, codeOf, popRequest, proofBy } from '../support/hostile.ts';
import { csrOf, heldFrom, Journey } from '../support/journey.ts';
import { testTime } from '../support/journey-time.ts';
import { issueLeaf, leafPlan, newCa, newKey, NOW, type TestCa, type TestKey } from '../support/x509.ts';

/** A signature over one thing, and the identity from another: each piece good, never all of them together. */

let folder: string;
let factory: TestCa;
let journey: Journey;
let mine: { key: TestKey; der: Buffer };
let theirs: { key: TestKey; der: Buffer };

const device = async (organization: string) => {
  const key = newKey();
  return { key, der: await issueLeaf(factory, leafPlan(factory, key, { subject: { organization } })) };
};

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mayfly-blobs-'));
  factory = await newCa();
  writeFileSync(join(folder, 'factory.pem'), encodePem('CERTIFICATE', factory.certificate.der));
  const { clock, timers } = testTime(NOW * 1000);
  const x509pop = { caFiles: [join(folder, 'factory.pem')] };
  journey = await Journey.start({ clock, timers, attestors: { x509pop } });
  [mine, theirs] = [await device('mine'), await device('theirs')];
});
afterAll(async () => {
  await journey.stop();
  rmSync(folder, { recursive: true, force: true });
});

const REFUSED = '403 attestation_refused';
const send = async (request: object): Promise<string> => codeOf(await attestAs(journey, request));

test('the certificate of one device and the signature of another', async () => {
  expect(await send(await popRequest(journey, [theirs.der], { signer: mine.key }))).toBe(REFUSED);
  // Both in the chain, in either order: the first one is who it is about.
  expect(await send(await popRequest(journey, [theirs.der, mine.der], { signer: mine.key }))).toBe(REFUSED);
  const answer = await attestAs(journey, await popRequest(journey, [mine.der, theirs.der], { signer: mine.key }));
  const explained = await journey.administer<{ selectors?: string[] }>(
    'GET',
    `/v1/admin/agents/${encodeURIComponent(String(answer.json()['spiffeId']))}`,
  );
  const text = JSON.stringify(explained);
  expect([answer.status, text.includes('o:mine'), text.includes('theirs')]).toEqual([200, true, false]);
});

test('a signature over one request, sent with another', async () => {
  const signed = writeCsr(newKey().privateKey);
  const nonce = await challengeOf(journey);
  const evidence = { chain: [mine.der.toString('base64')], signature: proofBy(mine.key, signed, nonce) };
  const body = { type: 'x509pop', evidence, challenge: nonce.toString('base64') };
  expect(await send({ ...body, csr: csrOf(newKey()) })).toBe(REFUSED);
});

test('a signature over one nonce, sent with another', async () => {
  const csr = writeCsr(newKey().privateKey);
  const [first, second] = [await challengeOf(journey), await challengeOf(journey)];
  const evidence = { chain: [mine.der.toString('base64')], signature: proofBy(mine.key, csr, first) };
  const body = { type: 'x509pop', evidence, csr: csr.toString('base64') };
  expect(await send({ ...body, challenge: second.toString('base64') })).toBe(REFUSED);
  // What was signed is nonce ‖ digest: moving the border between them makes no other pair.
  expect(await send({ ...body, challenge: first.subarray(0, -1).toString('base64') })).toBe(REFUSED);
});

test('an identity named beside the evidence, which does not give it', async () => {
  await journey.entry('admin', { selectors: ['x509pop:subject:o:theirs'] });
  const more = { role: 'workload', spiffeId: 'spiffe://example.org/admin' };
  expect(await send(await popRequest(journey, [mine.der], { signer: mine.key, more }))).toBe('403 no_identity');
  const own = await attestAs(journey, await popRequest(journey, [theirs.der], { signer: theirs.key, more }));
  expect([own.status, own.json()['spiffeId']]).toEqual([200, 'spiffe://example.org/admin']);
});

test('the type of one evidence and the members of another', async () => {
  const request = await popRequest(journey, [mine.der], { signer: mine.key });
  const token = await journey.joinToken({ agent: 'node' });
  expect(await send({ ...request, type: 'join_token' })).toBe(REFUSED);
  expect(await send({ ...request, evidence: { ...request.evidence, token } })).toBe(REFUSED);
  expect(await send({ type: 'node_key', csr: request.csr, evidence: request.evidence })).toBe(REFUSED);
  expect((await journey.redeem(token, newKey())).status).toBe(200); // none of that spent it
});

test('the subject and names that a request asks for are not those that it gets', async () => {
  const key = newKey();
  const csr = writeCsr(key.privateKey);
  const answer = await attestAs(journey, await popRequest(journey, [theirs.der], { signer: theirs.key, csr }));
  const { spiffeId } = heldFrom(answer.json(), key);
  expect(spiffeId).toMatch(/^spiffe:\/\/example\.org\/mayfly\/agent\/x509pop\/[0-9a-f]{64}$/);
});

test('a node key of one agent brings back no other', async () => {
  const pinned = newKey();
  const become = async (agent: string, nodeKey: TestKey) => {
    const csr = writeCsr(newKey().privateKey);
    const evidence = { token: await journey.joinToken({ agent }) };
    const spki = nodeKey.spki.toString('base64');
    const named = { spki, signature: proofBy(nodeKey, csr) };
    return attestAs(journey, { type: 'join_token', evidence, csr: csr.toString('base64'), nodeKey: named });
  };
  const first = await become('first', pinned);
  const second = await become('second', newKey());
  const comeBack = async (spiffeId: unknown): Promise<number> => {
    const csr = writeCsr(newKey().privateKey);
    const nonce = await challengeOf(journey);
    const evidence = { spiffeId, signature: proofBy(pinned, csr, nonce) };
    const challenge = nonce.toString('base64');
    return (await attestAs(journey, { type: 'node_key', evidence, csr: csr.toString('base64'), challenge })).status;
  };
  expect(await comeBack(second.json()['spiffeId'])).toBe(403);
  expect(await comeBack(first.json()['spiffeId'])).toBe(200);
});

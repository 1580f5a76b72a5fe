import { ServerIdentity } from '../../src/compose/server-identity.ts';
import type { TlsIdentity } from '../../src/adapters/http/tls.ts';
import { readCertificate } from '../../src/formats/certificate.ts';
import { parsePem } from '../../src/formats/pem.ts';
import { newTlsIdentity } from '../support/http.ts';
import { eventually, manualTime } from '../support/manual-time.ts';

const issuerOf = ({ certificateChain }: TlsIdentity): string => {
  const [leaf = new Uint8Array()] = parsePem(certificateChain, 'CERTIFICATE');
  return Buffer.from(readCertificate(leaf).authorityKeyId ?? []).toString('hex');
};

/** Whether it has been left behind. */
const watched = (leaving: Promise<void>) => {
  let isOver = false;
  const wait = async (): Promise<void> => {
    await leaving;
    isOver = true;
  };
  void wait();
  return () => isOver;
};

test('who waits for a server to leave an authority goes on when it shows a certificate of another one', async () => {
  const [old, young] = await Promise.all([newTlsIdentity(), newTlsIdentity()]);
  const { delays, waiting } = manualTime();
  const identity = new ServerIdentity(old);
  await identity.leaves([], delays, 1000);
  await identity.leaves([issuerOf(young)], delays, 1000);
  const isOver = watched(identity.leaves([issuerOf(old)], delays, 1000));
  identity.replace(old);
  expect([isOver(), waiting()]).toEqual([false, 1]);
  identity.replace(young);
  await eventually(isOver);
  expect(waiting()).toBe(0);
});

test('and after the time in any case', async () => {
  const old = await newTlsIdentity();
  const { delays, pass } = manualTime();
  const isOver = watched(new ServerIdentity(old).leaves([issuerOf(old)], delays, 1000));
  pass(999);
  await new Promise((resolve) => setImmediate(resolve));
  expect(isOver()).toBe(false);
  pass(1);
  await eventually(isOver);
});

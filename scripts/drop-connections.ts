// node scripts/drop-connections.ts SOCKET PID [COUNT]: opens and drops connections to an agent's socket, silent ones, ones that
// speak half and ones that leave amid a call, and tells what its process holds before and after. Ends with 1 if that grew.
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';

const [path = '', pid = '', count = '10000'] = process.argv.slice(2);
if (path === '' || pid === '') throw new Error('which socket, and which process listens on it?');

const AT_ONCE = 100;
/**
 * What the process may have grown by in the second round. The first is as long: dead connections keep some native
 * memory until the next collection, so a process that leaks nothing first grows to where it stays.
 */
const MOST_MIB = 32;

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const SETTINGS = Buffer.from('000000040000000000', 'hex');

const header = (name: string, value: string): Buffer =>
  Buffer.concat([Buffer.of(0, name.length), Buffer.from(name), Buffer.of(value.length), Buffer.from(value)]);

const request = (): Buffer => {
  const block = Buffer.concat([
    header(':method', 'POST'),
    header(':scheme', 'http'),
    header(':path', '/SpiffeWorkloadAPI/FetchX509SVID'),
    header(':authority', path),
    header('content-type', 'application/grpc'),
    header('te', 'trailers'),
    header('workload.spiffe.io', 'true'),
  ]);
  const head = Buffer.from('000000010400000001', 'hex');
  head.writeUIntBE(block.length, 0, 3);
  return Buffer.concat([PREFACE, SETTINGS, head, block, Buffer.from('0000050001000000010000000000', 'hex')]);
};

/** What is said before the connection is dropped, each as often as the others; the last waits for the first answer. */
const WORDS = [Buffer.alloc(0), PREFACE.subarray(0, 10), PREFACE, request().subarray(0, 80), request(), request()];

const dropOne = async (at: number): Promise<void> => {
  const socket = connect(path);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  const kind = at % WORDS.length;
  socket.write(WORDS[kind] ?? '');
  if (kind === WORDS.length - 1) await once(socket, 'data');
  socket.destroy();
  await once(socket, 'close');
};

const drop = async (many: number): Promise<void> => {
  let next = 0;
  const one = async (): Promise<void> => {
    while (next < many) await dropOne(next++);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
};

const held = (): { readonly descriptors: number; readonly mib: number } => ({
  descriptors: readdirSync(`/proc/${pid}/fd`).length,
  mib: Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024,
});

/** Until the process has closed what was dropped. */
const settled = async (descriptors: number): Promise<ReturnType<typeof held>> => {
  const deadline = performance.now() + 10_000;
  while (held().descriptors > descriptors && performance.now() < deadline)
    await new Promise((resolve) => setTimeout(resolve, 100));
  return held();
};

const cold = held();
await drop(Number(count));
const before = await settled(cold.descriptors);
await drop(Number(count));
const after = await settled(before.descriptors);
const tell = (name: string, { descriptors, mib }: ReturnType<typeof held>): void =>
  console.log(`${name.padEnd(8)} ${descriptors} descriptors ${mib.toFixed(1)} MiB`);
tell('cold', cold);
tell('before', before);
tell('after', after);
if (after.descriptors > before.descriptors || after.mib > before.mib + MOST_MIB) process.exitCode = 1;

import { createServer } from 'node:net';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { holdWorkload } from '../../../src/adapters/system/workload-process.ts';
import { descriptorOf } from '../../support/unix-callers.ts';
import { attest, Caller, check, patience, until } from './harness.ts';

const COUNT = 10_000;

const openDescriptors = (): number => readdirSync('/proc/self/fd').length;

/** 10,000 connections that are opened and dropped at once by another process leave no descriptor behind. */
export const leakNothing = async (): Promise<void> => {
  const folder = mkdtempSync(join(tmpdir(), 'mayfly-agent-leaks-'));
  let ended = 0;
  const server = createServer((socket) => {
    const held = holdWorkload(descriptorOf(socket));
    const end = async (): Promise<void> => {
      await attest(held, patience()).catch(() => undefined);
      held.close();
      ended += 1;
    };
    void end();
    socket.on('error', () => undefined);
    socket.resume();
  });
  server.listen(join(folder, 's'));
  await once(server, 'listening');
  const caller = new Caller(join(folder, 's'));
  await caller.answer();
  await until(() => ended === 1);
  const before = openDescriptors();
  const began = performance.now();
  await caller.does(`many ${COUNT}`);
  await until(() => ended === COUNT + 1);
  const perSecond = Math.round((COUNT / (performance.now() - began)) * 1000);
  await until(() => openDescriptors() <= before);
  check('10,000 connections that were opened and dropped leave nothing open', openDescriptors() <= before);
  console.error(`agent-attest: ${COUNT} callers held and attested, ${perSecond} a second`);
  await caller.end();
  server.close();
  rmSync(folder, { recursive: true, force: true });
};

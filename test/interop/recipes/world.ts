import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { exactly, X509Source, type TlsPolicy } from '../../../src/workload/index.ts';

/** A Mayfly for trying out, with one identity for everything that this user runs, which rotates every few seconds. */
export interface World {
  readonly folder: string;
  /** What our own client shows and expects: the same identity on both sides. */
  readonly policy: TlsPolicy;
  /** `mayfly fetch x509 --watch --write FOLDER`, ready once the first files are there. */
  fetch(folder: string, ...more: readonly string[]): Promise<void>;
}

const ID = 'spiffe://example.org/recipe';
const TTL = '16s';
const MAYFLY = join(dirname(fileURLToPath(import.meta.url)), '../../../bin/mayfly.js');

const children: ChildProcess[] = [];
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

const run = (...args: readonly string[]): ChildProcess => {
  const child = spawn(process.execPath, [MAYFLY, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  return child;
};

/** Its first line; all that it says on stderr when there is none. */
const firstLine = async (child: ChildProcess): Promise<string> => {
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => (said = (said + chunk).slice(-5000)));
  if (child.stdout === null) throw new Error('no output');
  for await (const line of createInterface({ input: child.stdout })) {
    child.stdout.resume();
    return line;
  }
  throw new Error(`it said nothing: ${said}`);
};

const stop = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  await once(child, 'exit');
};

export const withWorld = async (story: (world: World) => Promise<void>): Promise<void> => {
  const folder = mkdtempSync(join(tmpdir(), 'mayfly-recipes-'));
  // Servers that run as other users read their files here.
  chmodSync(folder, 0o755);
  try {
    const dev = run('dev', '--json');
    const { adminSocket, workloadSocket, agent } = JSON.parse(await firstLine(dev)) as Record<string, string>;
    if (adminSocket === undefined || agent === undefined) throw new Error('no agent');
    const selector = `unix:uid:${process.getuid?.() ?? 0}`;
    const entry = ['entry', 'create', '--socket', adminSocket, '--spiffe-id', ID, '--parent', agent];
    await firstLine(run(...entry, '--selector', selector, '--x509-ttl', TTL));
    await using source = await X509Source.create({
      address: `unix:${workloadSocket}`,
      signal: AbortSignal.timeout(30_000),
    });
    await story({
      folder,
      policy: { source, authorize: exactly(ID) },
      async fetch(target, ...more) {
        const socket = ['--socket', workloadSocket ?? ''];
        await firstLine(run('fetch', 'x509', '--watch', '--json', ...socket, '--write', target, ...more));
      },
    });
  } finally {
    for (const child of children.reverse()) await stop(child);
    rmSync(folder, { recursive: true, force: true });
  }
};

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { nextSteps } from './next-steps.ts';
import { Reporter } from './reporter.ts';
import { ServerProcess } from './server-process.ts';
import { tellStory } from './story.ts';
import type { Told } from './story.ts';

const HELP = `usage: scripts/quickstart [--once] [--json]

From clone to credential: a server starts in a temporary folder, a caller attests and gets credentials, an API takes
them, a revocation stops them. Then the server stays up for you, until Ctrl-C.

  --once   run through and end
  --json   one JSON line a step
`;

interface Options {
  readonly once: boolean;
  readonly json: boolean;
}

const readOptions = (args: string[]): Options => {
  try {
    const { values } = parseArgs({
      args,
      options: { once: { type: 'boolean' }, json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
    });
    if (values.help !== true) return { once: values.once ?? false, json: values.json ?? false };
    process.stdout.write(HELP);
    return process.exit(0);
  } catch (error) {
    process.stderr.write(`quickstart: ${(error as Error).message}\n${HELP}`);
    return process.exit(2);
  }
};

const EXIT_CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
type Signal = keyof typeof EXIT_CODES;

const nextSignal = (): Promise<Signal> =>
  new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => resolve(signal));
  });

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

const tellTimes = (reporter: Reporter, runMs: number): void => {
  const installMs = Number(process.env['MAYFLY_INSTALL_MS'] ?? Number.NaN);
  const install = Number.isFinite(installMs) ? { installMs } : {};
  if (reporter.json) reporter.line({ step: 'done', ok: true, ms: runMs, facts: { runMs, ...install } });
  const installed = Number.isFinite(installMs) ? `install ${seconds(installMs)}, ` : '';
  reporter.text(reporter.paint.good(`All as it should be. ${installed}run ${seconds(runMs)}.\n`));
};

const tellNext = (reporter: Reporter, { stage, decision }: Told): void => {
  const steps = nextSteps(stage, decision);
  if (reporter.json)
    reporter.line({ step: 'waiting', ok: true, ms: 0, facts: { adminSocket: stage.ready.adminSocket, next: steps } });
  reporter.text('\nThe server stays up until Ctrl-C. In another terminal, from this folder:\n\n');
  for (const { what, command } of steps) reporter.text(`  ${reporter.paint.dim(`# ${what}`)}\n  ${command}\n`);
};

/** Runs the story and gives the exit code. `signal` ends it wherever it is. */
const run = async (
  options: Options,
  server: ServerProcess,
  folder: string,
  signal: Promise<Signal>,
): Promise<number> => {
  const reporter = new Reporter(process.stdout, options.json, process.env);
  reporter.text('\nMayfly quickstart: from clone to credential\n\n');
  // Time counts from the start of this process.
  const told = await Promise.race([tellStory(reporter, server, folder), signal]);
  if (typeof told === 'string') return EXIT_CODES[told];
  tellTimes(reporter, Math.round(performance.now()));
  try {
    if (options.once) return 0;
    tellNext(reporter, told);
    const ended = await Promise.race([signal, server.ended.then(() => 'server' as const)]);
    if (ended !== 'server') return 0;
    process.stderr.write('quickstart: the server has ended\n');
    return 1;
  } finally {
    await told.close();
  }
};

const main = async (): Promise<number> => {
  const options = readOptions(process.argv.slice(2));
  const signal = nextSignal();
  const folder = mkdtempSync(join(tmpdir(), 'mayfly-quickstart-'));
  const server = new ServerProcess(join(folder, 'server'));
  const clean = (): void => rmSync(folder, { recursive: true, force: true });
  // The last net: whatever ends this process, nothing stays behind.
  process.on('exit', () => {
    server.kill();
    clean();
  });
  // A reader that has gone (`| head`) ends the story like a signal.
  process.stdout.on('error', () => process.exit(1));
  try {
    return await run(options, server, folder, signal);
  } catch (error) {
    process.stderr.write(`quickstart: ${(error as Error).message}\n`);
    return 1;
  } finally {
    await server.stop();
    clean();
  }
};

process.exit(await main());

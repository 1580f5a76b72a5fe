import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { devConfig } from '../compose/dev-config.ts';
import type { RunningServer } from '../compose/running-server.ts';
import { trustDomainProblem } from '../domain/trust-domain.ts';
import type { ExitCode } from './exit.ts';
import { wholeBetween } from './options.ts';
import { record } from './output.ts';
import { serveUntilStopped, starting } from './serve.ts';
import { verb } from './verb.ts';
import type { Cli } from './verb.ts';

interface Options {
  readonly trustDomain: string;
  readonly dataDir?: string;
  readonly port: number;
  readonly publicPort: number;
  readonly frontEnds: number;
}

const trustDomain = (text: string): string => {
  const problem = trustDomainProblem(text);
  if (problem !== undefined) throw new InvalidArgumentError(problem);
  return text;
};

const SOCKET = 'admin.sock';
/** The shortest limit of the systems that we run on. */
const MAX_SOCKET_PATH = 103;

/** Folders of this run, and how to leave none behind that were only made for it. */
const prepareFolders = (given: string | undefined) => {
  const made: string[] = [];
  const temporary = (): string => {
    const folder = mkdtempSync(join(tmpdir(), 'mayfly-'));
    made.push(folder);
    return folder;
  };
  const dataDir = given === undefined ? temporary() : resolve(given);
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const own = join(dataDir, SOCKET);
  const adminSocket = Buffer.byteLength(own) <= MAX_SOCKET_PATH ? own : join(temporary(), SOCKET);
  const remove = (): void => {
    for (const folder of made) rmSync(folder, { recursive: true, force: true });
  };
  return { dataDir, adminSocket, remove };
};

/** The line that scripts hold on to (DEC-33): its members stay as they are. */
const readyLine = ({ ready, readOnly }: RunningServer) => ({
  ready: readOnly === undefined,
  trustDomain: ready.trustDomain,
  api: ready.api,
  public: ready.public,
  adminSocket: ready.adminSocket,
  workloadSocket: null,
  bundleFile: ready.bundleFile,
  dataDir: ready.dataDir,
  pid: process.pid,
});

const readyText = (line: ReturnType<typeof readyLine>): string =>
  record([
    ['trust domain', line.trustDomain],
    ['api', line.api],
    ['public', line.public],
    ['admin socket', line.adminSocket],
    ['bundle', line.bundleFile],
    ['data', line.dataDir],
  ]);

/** `mayfly dev`: a server for trying out, on this machine only. */
export const devCommand = (cli: Cli): Command =>
  verb<Options>(
    cli,
    new Command('dev')
      .description('Start a server for trying out: on loopback, in a temporary folder unless told.')
      .option('--trust-domain <name>', 'the trust domain', trustDomain, 'example.org')
      .option('--data-dir <folder>', 'keep the data here')
      .option('--port <number>', 'port of the api; 0 is any that is free', wholeBetween(0, 65_535), 0)
      .option('--public-port <number>', 'port for relying parties', wholeBetween(0, 65_535), 0)
      .option('--front-ends <number>', 'threads that serve requests', wholeBetween(1, 64), 1)
      .addHelpText('after', '\nWith --json the only line on stdout names every address. SIGTERM ends it.'),
    async ({ options, output }): Promise<ExitCode> => {
      const { dataDir, adminSocket, remove } = prepareFolders(options.dataDir);
      try {
        output.note('a server for trying out: its seal key lies beside the data that it seals');
        const { startServer } = await import('../compose/server.ts');
        const config = devConfig({ ...options, dataDir, adminSocket });
        const server = await starting(() => startServer(config, { dev: true }));
        const line = readyLine(server);
        if (server.readOnly !== undefined) output.note(`the store takes no writes: ${server.readOnly}`);
        return await serveUntilStopped(server, output, () => output.result(line, () => readyText(line)));
      } finally {
        remove();
      }
    },
  );

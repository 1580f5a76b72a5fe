import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { devConfig } from '../compose/dev-config.ts';
import type { RunningAgent } from '../compose/agent.ts';
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

const ADMIN_SOCKET = 'admin.sock';
const WORKLOAD_SOCKET = 'workload.sock';
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
  const isLong = Buffer.byteLength(join(dataDir, WORKLOAD_SOCKET)) > MAX_SOCKET_PATH;
  const sockets = isLong ? temporary() : dataDir;
  const adminSocket = join(sockets, ADMIN_SOCKET);
  const remove = (): void => {
    for (const folder of made) rmSync(folder, { recursive: true, force: true });
  };
  return { dataDir, adminSocket, workloadSocket: join(sockets, WORKLOAD_SOCKET), remove };
};

/** The line that scripts hold on to (DEC-33): its members stay as they are. */
const readyLine = ({ ready, readOnly }: RunningServer, agent: RunningAgent | undefined) => ({
  ready: readOnly === undefined,
  trustDomain: ready.trustDomain,
  api: ready.api,
  public: ready.public,
  adminSocket: ready.adminSocket,
  workloadSocket: agent?.workloadSocket ?? null,
  bundleFile: ready.bundleFile,
  dataDir: ready.dataDir,
  pid: process.pid,
  agent: agent?.spiffeId() ?? null,
});

const readyText = (line: ReturnType<typeof readyLine>): string =>
  record([
    ['trust domain', line.trustDomain],
    ['api', line.api],
    ['public', line.public],
    ['admin socket', line.adminSocket],
    ['workload socket', line.workloadSocket ?? 'none: the agent runs on Linux'],
    ['agent', line.agent ?? undefined],
    ['bundle', line.bundleFile],
    ['data', line.dataDir],
  ]);

/** Beside a server that issues, where callers can be known. */
const startAgentOf = async (server: RunningServer, socket: string): Promise<RunningAgent | undefined> => {
  if (process.platform !== 'linux' || server.readOnly !== undefined) return undefined;
  const { startDevAgent } = await import('../compose/dev-agent.ts');
  return starting('agent', () => startDevAgent(server, socket));
};

/** The agent first: what it still wants to say needs its server. */
const both = (server: RunningServer, agent: RunningAgent | undefined) => ({
  fatal: server.fatal,
  stop: async () => {
    await agent?.stop();
    await server.stop();
  },
});

/** `mayfly dev`: a server and an agent for trying out, on this machine only. */
export const devCommand = (cli: Cli): Command =>
  verb<Options>(
    cli,
    new Command('dev')
      .description('Start a server and an agent for trying out: on loopback, in a temporary folder unless told.')
      .option('--trust-domain <name>', 'the trust domain', trustDomain, 'example.org')
      .option('--data-dir <folder>', 'keep the data here')
      .option('--port <number>', 'port of the api; 0 is any that is free', wholeBetween(0, 65_535), 0)
      .option('--public-port <number>', 'port for relying parties', wholeBetween(0, 65_535), 0)
      .option('--front-ends <number>', 'threads that serve requests', wholeBetween(1, 64), 1)
      .addHelpText('after', '\nWith --json the only line on stdout names every address. SIGTERM ends it.'),
    async ({ options, output }): Promise<ExitCode> => {
      const { dataDir, adminSocket, workloadSocket, remove } = prepareFolders(options.dataDir);
      try {
        output.note('a server for trying out: its seal key lies beside the data that it seals');
        const { startServer } = await import('../compose/server.ts');
        const config = devConfig({ ...options, dataDir, adminSocket });
        const server = await starting('server', () => startServer(config, { dev: true }));
        const agent = await startAgentOf(server, workloadSocket).catch(async (error: unknown) => {
          await server.stop();
          throw error;
        });
        const line = readyLine(server, agent);
        if (server.readOnly !== undefined) output.note(`the store takes no writes: ${server.readOnly}`);
        return await serveUntilStopped(both(server, agent), output, () => output.result(line, () => readyText(line)));
      } finally {
        remove();
      }
    },
  );

import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { localAdminApi } from '../adapters/http-client/admin.ts';
import type { AdminApi } from '../adapters/http-client/admin.ts';
import { remoteAdminApi } from '../adapters/http-client/remote-admin.ts';
import { readGuardedFile } from '../adapters/keys/guarded-file.ts';
import { systemClock } from '../adapters/system/clock.ts';
import { DEFAULT_CONFIG_FILE, loadConfig } from '../compose/config.ts';
import { describeProblem } from '../compose/config-problems.ts';
import { Refusal } from '../domain/refusal.ts';
import { UsageError } from './exit.ts';
import type { Terminal } from './terminal.ts';

export interface ConnectionOptions {
  readonly socket?: string;
  readonly config?: string;
  readonly server?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly bundle?: string;
}

/** Gives a command the options that say which server it talks to. */
export const withConnection = (command: Command): Command =>
  command
    .optionsGroup('Which server:')
    .option('--socket <path>', 'the admin socket of a server on this machine (MAYFLY_ADMIN_SOCKET)')
    .option('--config <file>', 'take the admin socket from this configuration (MAYFLY_CONFIG)')
    .option('--server <url>', 'a server elsewhere: its api address (MAYFLY_SERVER)')
    .option('--cert <file>', 'your X.509-SVID in PEM, for --server (MAYFLY_CERT)')
    .option('--key <file>', 'its private key in PEM, readable by you alone, for --server (MAYFLY_KEY)')
    .option('--bundle <file>', 'the bundle of the trust domain, for --server (MAYFLY_BUNDLE)')
    .optionsGroup('Options:');

const readFile = (option: string, path: string): Buffer => {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new UsageError(
      `${option}: cannot read ${path} (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`,
    );
  }
};

const MAX_KEY_FILE_BYTES = 16 * 1024;

/** A key that others on the machine can read is not the administrator's alone any more. */
const readKey = (option: string, path: string, { environment }: Terminal): Buffer => {
  try {
    return readGuardedFile(path, {
      what: 'private key',
      maxBytes: MAX_KEY_FILE_BYTES,
      credentials: environment['CREDENTIALS_DIRECTORY'],
    });
  } catch (error) {
    if (error instanceof Refusal) throw new UsageError(`${option}: ${error.message}`);
    throw error;
  }
};

const need = (options: ConnectionOptions, terminal: Terminal, name: 'cert' | 'key' | 'bundle'): Buffer => {
  const path = options[name] ?? terminal.environment[`MAYFLY_${name.toUpperCase()}`];
  if (path === undefined) throw new UsageError(`--server needs --${name} too`);
  return name === 'key' ? readKey(`--${name}`, path, terminal) : readFile(`--${name}`, path);
};

const remote = (server: string, options: ConnectionOptions, terminal: Terminal): AdminApi => {
  const url = URL.parse(server);
  if (url?.protocol !== 'https:')
    throw new UsageError('--server wants an https URL, like https://mayfly.example.org:8443');
  return remoteAdminApi({
    url,
    certificate: need(options, terminal, 'cert').toString('utf8'),
    key: need(options, terminal, 'key'),
    bundle: need(options, terminal, 'bundle').toString('utf8'),
    now: () => systemClock.now(),
  });
};

const DEFAULT_SOCKET = '/run/mayfly/admin.sock';

const socketOf = (file: string | undefined, { environment }: Terminal): string => {
  const loaded = loadConfig(file ?? DEFAULT_CONFIG_FILE, { environment, flags: {} });
  if (loaded.ok) return loaded.config.server.admin.socket;
  if (file !== undefined)
    throw new UsageError(
      `${loaded.problems.map((problem) => describeProblem(problem, file)).join('; ')} (--socket needs no configuration)`,
    );
  return DEFAULT_SOCKET;
};

/** The server that options and environment name: options first, a server elsewhere only when it is asked for. */
export const connect = (options: ConnectionOptions, terminal: Terminal): AdminApi => {
  const { environment } = terminal;
  if (options.server !== undefined && options.socket !== undefined) {
    throw new UsageError('either --socket or --server');
  }
  if (options.server !== undefined) return remote(options.server, options, terminal);
  if (options.socket !== undefined) return localAdminApi(options.socket);
  if (options.config !== undefined) return localAdminApi(socketOf(options.config, terminal));
  if (environment['MAYFLY_SERVER'] !== undefined) return remote(environment['MAYFLY_SERVER'], options, terminal);
  return localAdminApi(environment['MAYFLY_ADMIN_SOCKET'] ?? socketOf(environment['MAYFLY_CONFIG'], terminal));
};

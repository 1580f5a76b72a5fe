import { existsSync } from 'node:fs';
import { WorkloadError } from '../workload/errors.ts';
import { UsageError } from './exit.ts';
import type { Terminal } from './terminal.ts';

/** Where an agent listens unless its configuration says otherwise. */
const DEFAULT_SOCKET = '/run/mayfly/workload.sock';

/**
 * The address of the Workload API: what the option gives, which may be a bare path, or SPIFFE_ENDPOINT_SOCKET, or the socket where our
 * agents listen, if there is one. Throws `UsageError` when nothing says where.
 */
export const workloadAddress = (given: string | undefined, { environment }: Terminal, option = '--socket'): string => {
  const address = given ?? environment['SPIFFE_ENDPOINT_SOCKET'] ?? '';
  if (address === '') {
    if (existsSync(DEFAULT_SOCKET)) return `unix:${DEFAULT_SOCKET}`;
    throw new UsageError(`where is the agent? give ${option}, or set SPIFFE_ENDPOINT_SOCKET`);
  }
  return address.startsWith('/') ? `unix:${address}` : address;
};

export type Ask<Answer> = (signal: AbortSignal | undefined) => Promise<Answer>;

export const isUnavailable = (error: unknown): error is WorkloadError =>
  error instanceof WorkloadError && error.code === 'unavailable';

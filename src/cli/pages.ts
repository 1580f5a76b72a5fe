import type { Command } from 'commander';
import type { AdminApi, AdminRequest } from '../adapters/http-client/admin.ts';
import { wholeBetween } from './options.ts';
import type { Output } from './output.ts';

export interface PageOptions {
  readonly limit: number;
}

const DEFAULT_LIMIT = 1000;
/** What one request brings at most. */
const PAGE = 500;

export const withPages = (command: Command): Command =>
  command.option('--limit <number>', 'how many to show at most', wholeBetween(1, 1_000_000), DEFAULT_LIMIT);

/** Reads a list page by page, up to the limit, and says on stderr when there was more. */
export const readPages = async <T>(
  api: AdminApi,
  request: Pick<AdminRequest, 'path' | 'query'>,
  member: string,
  limit: number,
  output: Output,
): Promise<readonly T[]> => {
  const items: T[] = [];
  let after: string | undefined;
  do {
    const query = { ...request.query, after, limit: Math.min(PAGE, limit - items.length) };
    const { body } = await api.call({ method: 'GET', path: request.path, query });
    const page = body as Readonly<Record<string, unknown>>;
    items.push(...(page[member] as readonly T[]));
    after = typeof page['next'] === 'string' ? page['next'] : undefined;
  } while (after !== undefined && items.length < limit);
  if (after !== undefined) output.note(`there are more than ${limit}; --limit shows more`);
  return items;
};

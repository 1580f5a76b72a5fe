import { z } from 'zod';
import type { Administrator } from '../../../domain/administrator.ts';
import { isRecordId, parseRecordId, type RecordId } from '../../../domain/record-id.ts';
import { Refusal } from '../../../domain/refusal.ts';
import { parseOperatorSpiffeId, type SpiffeId } from '../../../domain/spiffe-id.ts';
import type { Issuer } from '../../../usecases/issuer.ts';
import { type DenialSubject, recordDenial } from '../../../usecases/record-denial.ts';
import type { Admin, RouteContext } from '../route.ts';

/** Where administration is served: mTLS and the local socket (DEC-28). */
export const ADMIN_LISTENERS = ['api', 'admin'] as const;

/** The admin of a request. Its absence is a mistake in the route table: the route has no admin access. */
export const adminOfRequest = (context: RouteContext): Admin => {
  if (!context.admin) throw new Error('a handler asked for the admin of a route without admin access');
  return context.admin;
};

const administratorOf = async (context: RouteContext): Promise<Administrator> => {
  const admin = adminOfRequest(context);
  const local = context.listener === 'admin';
  const credential = local ? undefined : (await context.caller()).serial;
  return { ...admin, local, ...(credential !== undefined && { credential }) };
};

/** Who asked, for a denial; empty over the local socket, where the source says it. */
const callerOf = async (context: RouteContext): Promise<Pick<DenialSubject, 'caller' | 'spiffeId'>> => {
  if (context.listener === 'admin') return {};
  const { serial, spiffeId } = await context.caller();
  return { caller: serial, spiffeId };
};

/** Does `work` for the administrator of the request, and puts it on record when that is beyond their rights (P1). */
export const administer = async <T>(
  issuer: Issuer,
  context: RouteContext,
  work: (admin: Administrator) => T | Promise<T>,
): Promise<T> => {
  const admin = await administratorOf(context);
  try {
    return await work(admin);
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== 'forbidden' || error.decisionId !== undefined) throw error;
    const { operation, source } = context;
    throw await recordDenial(issuer, { operation, source, ...(await callerOf(context)) }, error);
  }
};

const ETAG = /^"([1-9][0-9]{0,14})"$/;

/** The entity tag of a record is its revision. */
export const revisionTag = ({ revision }: { readonly revision: number }): string => `"${revision}"`;

/** The revision in `If-Match`; undefined without one, and for `*`. Refuses with `precondition_failed` a tag that is none of ours. */
export const expectedRevision = ({ headers }: RouteContext): number | undefined => {
  const tag = headers['if-match'];
  if (tag === undefined || tag === '*') return undefined;
  const match = ETAG.exec(tag);
  if (!match) throw new Refusal('precondition_failed', 'If-Match names one revision, as ETag gave it');
  return Number(match[1]);
};

/** For what cannot be undone: the caller has to say that they saw the preview. Refuses with `confirmation_required`. */
export const requireConfirmation = (confirm: boolean | undefined): void => {
  if (confirm === true) return;
  throw new Refusal('confirmation_required', 'look at the preview, then ask again with "confirm": true', {
    field: 'confirm',
  });
};

const MAX_PAGE = 1000;
const DEFAULT_PAGE = 100;

/** Members of a query for one page of a list. */
export const pageQuery = {
  after: z.string().min(1).max(2048).optional().describe('The `next` of the page before.'),
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).optional().describe('100 unless told, 1000 at most.'),
};

export const pageOf = (query: { after?: string | undefined; limit?: number | undefined }) => ({
  limit: query.limit ?? DEFAULT_PAGE,
  ...(query.after !== undefined && { after: query.after }),
});

/** Where the next page of a list starts: after the last of a full one. */
export const nextOf = <T>(items: readonly T[], limit: number, keyOf: (item: T) => string): { next?: string } => {
  const last = items.length === limit ? items.at(-1) : undefined;
  return last === undefined ? {} : { next: keyOf(last) };
};

/** A SPIFFE ID in the query, as an operator typed it (ID-15). */
export const spiffeIdOf = (text: string | undefined, field: string): SpiffeId | undefined =>
  text === undefined ? undefined : parseOperatorSpiffeId(text, { field });

/** A serial, `jti` or decision id in a path; other tools' colons and upper case are welcome. */
export const recordIdParam = z.strictObject({
  id: z
    .string()
    .max(64)
    .transform((text) => text.replaceAll(':', '').toLowerCase())
    .refine(isRecordId, 'is not 32 hexadecimal digits')
    .describe('A serial, `jti` or decision id.'),
});

export const recordIdOf = (text: string): RecordId => parseRecordId(text);

export const time = (ms: number): string => new Date(ms).toISOString();

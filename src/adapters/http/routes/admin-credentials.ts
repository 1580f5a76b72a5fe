import { z } from 'zod';
import type { Issuer } from '../../../usecases/issuer.ts';
import {
  countCredentials,
  listCredentials,
  showCredential,
  type CredentialQuery,
  type CredentialView,
} from '../../../usecases/read-credentials.ts';
import { defineRoute, type Route } from '../route.ts';
import {
  ADMIN_LISTENERS,
  administer,
  nextOf,
  pageOf,
  pageQuery,
  recordIdOf,
  recordIdParam,
  spiffeIdOf,
} from './administering.ts';
import { renderRevocation, RevocationAnswer } from './revocation-schema.ts';

export const StatusAnswer = z.object({
  state: z.enum(['valid', 'revoked', 'expired', 'superseded']),
  revocation: RevocationAnswer.optional(),
  authorityRevoked: z.boolean().optional(),
});

const Credential = z.object({
  id: z.string().describe('Serial or `jti`.'),
  index: z.int().describe('Its place in the ledger.'),
  credential: z.enum(['x509-svid', 'jwt-svid', 'access-token']),
  role: z.enum(['server', 'agent', 'agentless', 'workload']),
  spiffeId: z.string(),
  authority: z.string(),
  notBefore: z.int().describe('Unix seconds.'),
  notAfter: z.int(),
  spki: z.string().optional().describe('SHA-256 of the SPKI, hexadecimal.'),
  entry: z.string().optional(),
  agent: z.string().optional(),
  attestation: z.string().optional(),
  predecessor: z.string().optional(),
  superseded: z.boolean(),
  status: StatusAnswer,
});

const filterQuery = {
  spiffeId: z.string().optional(),
  prefix: z.string().optional().describe('Whole path segments.'),
  agent: z.string().optional().describe('The agent that they came through.'),
  entry: z.string().max(128).optional(),
  live: z.enum(['true', 'false']).optional().describe('Only what has not expired.'),
};

const Filter = z.strictObject(filterQuery);

const queryOf = (query: z.output<typeof Filter>): CredentialQuery => {
  const spiffeId = spiffeIdOf(query.spiffeId, 'spiffeId');
  const prefix = spiffeIdOf(query.prefix, 'prefix');
  const agent = spiffeIdOf(query.agent, 'agent');
  return {
    ...(spiffeId !== undefined && { spiffeId }),
    ...(prefix !== undefined && { prefix }),
    ...(agent !== undefined && { agent }),
    ...(query.entry !== undefined && { entry: query.entry }),
    live: query.live === 'true',
  };
};

const render = ({ status, ...row }: CredentialView): object => ({
  ...row,
  status: { ...status, ...(status.revocation && { revocation: renderRevocation(status.revocation) }) },
});

export const credentialRoutes = (issuer: Issuer): readonly Route[] => [
  defineRoute({
    method: 'GET',
    path: '/v1/admin/credentials',
    listeners: ADMIN_LISTENERS,
    summary: 'Issued credentials, newest first',
    access: { kind: 'admin', role: 'viewer' },
    query: z.strictObject({ ...filterQuery, ...pageQuery }),
    answers: [
      {
        status: 200,
        description: 'One page.',
        schema: z.object({ credentials: z.array(Credential), next: z.string().optional() }),
      },
    ],
    refusals: ['unauthenticated', 'forbidden'],
    handle: (context, { query: { after, limit, ...filter } }) =>
      administer(issuer, context, (admin) => {
        const page = pageOf({ after: after === undefined ? undefined : recordIdOf(after), limit });
        const rows = listCredentials(issuer, admin, queryOf(filter), page);
        return { body: { credentials: rows.map(render), ...nextOf(rows, page.limit, ({ id }) => id) } };
      }),
  }),
  defineRoute({
    method: 'GET',
    path: '/v1/admin/credentials/count',
    listeners: ADMIN_LISTENERS,
    summary: 'How many credentials are kept',
    access: { kind: 'admin', role: 'viewer' },
    query: Filter,
    answers: [{ status: 200, description: 'The number.', schema: z.object({ count: z.int() }) }],
    refusals: ['unauthenticated', 'forbidden'],
    handle: (context, { query }) =>
      administer(issuer, context, (admin) => ({ body: { count: countCredentials(issuer, admin, queryOf(query)) } })),
  }),
  defineRoute({
    method: 'GET',
    path: '/v1/admin/credentials/:id',
    listeners: ADMIN_LISTENERS,
    summary: 'One credential by serial or `jti`, and how it stands',
    access: { kind: 'admin', role: 'viewer' },
    params: recordIdParam,
    answers: [{ status: 200, description: 'The credential.', schema: Credential }],
    refusals: ['unauthenticated', 'forbidden', 'not_found'],
    handle: (context, { params }) =>
      administer(issuer, context, (admin) => ({ body: render(showCredential(issuer, admin, recordIdOf(params.id))) })),
  }),
];

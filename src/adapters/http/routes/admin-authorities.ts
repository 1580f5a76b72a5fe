import { z } from 'zod';
import { requireEverywhere } from '../../../domain/administrator.ts';
import { AUTHORITY_PURPOSES, type Authority } from '../../../domain/authority.ts';
import { parsePem } from '../../../formats/pem.ts';
import type { AuthorityManager, AuthorityOperation } from '../../../usecases/draft-authority-change.ts';
import { installAuthority, requestAuthority } from '../../../usecases/install-authority.ts';
import type { Issuer } from '../../../usecases/issuer.ts';
import {
  listAuthorities,
  planAuthorityOperation,
  runAuthorityOperation,
} from '../../../usecases/manage-authorities.ts';
import { standAside } from '../stand-aside.ts';
import { defineRoute, type Route } from '../route.ts';
import { ADMIN_LISTENERS, administer, requireConfirmation, time } from './administering.ts';

const AuthorityAnswer = z.object({
  id: z.string().describe('RFC 7638 thumbprint of the public key.'),
  purpose: z.enum(AUTHORITY_PURPOSES),
  algorithm: z.enum(['ES256', 'ES384', 'RS256']),
  generation: z.int(),
  state: z.enum(['prepared', 'active', 'old', 'revoked', 'gone']),
  tainted: z.boolean(),
  publicKey: z.string().describe('Base64 of the SPKI.'),
  certificate: z.string().optional().describe('Base64 of the DER.'),
  issuer: z.string().optional().describe('The root that signed an issuing CA.'),
  keyHome: z.enum(['sealed', 'file', 'absent']),
  notBefore: z.int().describe('Unix seconds.'),
  notAfter: z.int(),
  preparedAt: z.iso.datetime(),
  activatedAt: z.iso.datetime().optional(),
  retiredAt: z.iso.datetime().optional(),
});

/** Where the private key is, and never anything of it. */
const render = ({ key, preparedAt, activatedAt, retiredAt, ...authority }: Authority): object => ({
  ...authority,
  keyHome: key.kind,
  preparedAt: time(preparedAt),
  ...(activatedAt !== undefined && { activatedAt: time(activatedAt) }),
  ...(retiredAt !== undefined && { retiredAt: time(retiredAt) }),
});

const prepare = {
  kind: z.literal('prepare'),
  purpose: z.enum(AUTHORITY_PURPOSES),
  algorithm: z.enum(['ES256', 'ES384', 'RS256']).optional(),
};
const change = {
  kind: z.enum(['activate', 'taint', 'revoke']),
  id: z.string().min(1).max(128),
  reason: z.string().min(1).max(256).optional(),
};
const consent = {
  confirm: z.boolean().optional().describe('The preview was seen.'),
  force: z.boolean().optional().describe('Go on in spite of the warnings.'),
};

const Operation = z.discriminatedUnion('kind', [z.strictObject(prepare), z.strictObject(change)]);
const ConfirmedOperation = z.discriminatedUnion('kind', [
  z.strictObject({ ...prepare, ...consent }),
  z.strictObject({ ...change, ...consent }),
]);

const PlanAnswer = z.object({
  operation: z.record(z.string(), z.unknown()),
  changes: z.array(z.object({ kind: z.string(), id: z.string().optional() })),
  impact: z.object({
    liveCredentials: z.int(),
    agentCount: z.int().describe('Agents that hold no newer identity than one that goes.'),
    agentsNotMoved: z.array(z.string()).describe('At most 100 of them, the newest first.'),
  }),
  warnings: z.array(z.string()).describe('Why `force` is needed; empty when it is not.'),
});

const operationOf = (body: z.output<typeof Operation>): AuthorityOperation =>
  body.kind === 'prepare'
    ? { kind: body.kind, purpose: body.purpose, ...(body.algorithm !== undefined && { algorithm: body.algorithm }) }
    : { kind: body.kind, id: body.id, ...(body.reason !== undefined && { reason: body.reason }) };

const InstallBody = z.strictObject({
  certificate: z.string().min(1).max(32_768).describe('PEM: what the offline root has signed.'),
  roots: z.string().max(65_536).optional().describe('PEM: that root, and others to publish with it.'),
});

const owner = { kind: 'admin', role: 'owner' } as const;

export const authorityRoutes = (issuer: Issuer, keeper: AuthorityManager): readonly Route[] => [
  defineRoute({
    method: 'GET',
    path: '/v1/admin/authorities',
    listeners: ADMIN_LISTENERS,
    summary: 'Signing authorities that are not gone',
    access: { kind: 'admin', role: 'viewer' },
    answers: [
      {
        status: 200,
        description: 'All of them.',
        schema: z.object({
          authorities: z.array(AuthorityAnswer),
          warnings: z
            .array(z.string())
            .describe('What has to be done in time, and that nobody but an operator can do.'),
        }),
      },
    ],
    refusals: ['unauthenticated', 'forbidden'],
    handle: () => {
      const { authorities, warnings } = listAuthorities(keeper);
      return { body: { authorities: authorities.map(render), warnings } };
    },
  }),
  defineRoute({
    method: 'POST',
    path: '/v1/admin/authorities/preview',
    listeners: ADMIN_LISTENERS,
    summary: 'What an operation on authorities would do, and to whom',
    access: owner,
    bodyKind: 'json',
    body: Operation,
    answers: [{ status: 200, description: 'The plan; nothing was changed.', schema: PlanAnswer }],
    refusals: ['unauthenticated', 'forbidden', 'not_found', 'authority_state'],
    handle: (context, { body }) =>
      administer(issuer, context, async (admin) => {
        requireEverywhere(admin);
        return { body: await planAuthorityOperation(keeper, operationOf(body), { by: admin.name, standAside }) };
      }),
  }),
  defineRoute({
    method: 'POST',
    path: '/v1/admin/authorities',
    listeners: ADMIN_LISTENERS,
    summary: 'Prepare, activate, taint or revoke an authority',
    access: owner,
    bodyKind: 'json',
    body: ConfirmedOperation,
    answers: [{ status: 200, description: 'The plan, carried out.', schema: PlanAnswer }],
    refusals: ['unauthenticated', 'forbidden', 'not_found', 'authority_state', 'confirmation_required', 'conflict'],
    handle: (context, { body: { confirm, force = false, ...operation } }) =>
      administer(issuer, context, async (admin) => {
        requireEverywhere(admin);
        if (operation.kind !== 'prepare') requireConfirmation(confirm);
        const order = { by: admin.name, force, standAside };
        return { body: await runAuthorityOperation(keeper, operationOf(operation), order) };
      }),
  }),
  defineRoute({
    method: 'POST',
    path: '/v1/admin/authorities/request',
    listeners: ADMIN_LISTENERS,
    summary: 'The request that an offline root is to sign',
    access: owner,
    answers: [
      {
        status: 200,
        description: 'A PKCS #10 in PEM.',
        schema: z.object({ authority: AuthorityAnswer, csr: z.string() }),
      },
    ],
    refusals: ['unauthenticated', 'forbidden', 'authority_state'],
    handle: (context) =>
      administer(issuer, context, async (admin) => {
        requireEverywhere(admin);
        const { authority, csr } = await requestAuthority(keeper, admin.name);
        return { body: { authority: render(authority), csr } };
      }),
  }),
  defineRoute({
    method: 'POST',
    path: '/v1/admin/authorities/install',
    listeners: ADMIN_LISTENERS,
    summary: 'Install what an offline root has signed',
    access: owner,
    bodyKind: 'json',
    body: InstallBody,
    maxBytes: 128 * 1024,
    answers: [{ status: 200, description: 'The issuing CA, with its certificate.', schema: AuthorityAnswer }],
    refusals: ['unauthenticated', 'forbidden', 'not_found', 'authority_state', 'conflict'],
    handle: (context, { body }) =>
      administer(issuer, context, async (admin) => {
        requireEverywhere(admin);
        const [certificate = new Uint8Array(), ...chain] = parsePem(body.certificate, 'CERTIFICATE');
        const roots = body.roots === undefined ? chain : [...chain, ...parsePem(body.roots, 'CERTIFICATE')];
        return { body: render(await installAuthority(keeper, { certificate, roots }, admin.name)) };
      }),
  }),
];

import { z } from 'zod';
import { parseSpiffeId, spiffeIdProblem } from '../../../domain/spiffe-id.ts';
import { decodeBase64, tryDecodeBase64 } from '../../../formats/base64url.ts';
import { attest, type AttestedIdentity } from '../../../usecases/attest.ts';
import { createChallenge } from '../../../usecases/challenge.ts';
import type { Attesting, AttestRequest } from '../../../usecases/prove-evidence.ts';
import { defineRoute, type Route } from '../route.ts';
import { renderX509, X509Svid } from './svids.ts';

const base64 = (maxLength: number) =>
  z
    .string()
    .min(1)
    .max(maxLength)
    .refine((text) => tryDecodeBase64(text) !== undefined, 'is not base64 in its one form');

const Body = z.strictObject({
  type: z.string().min(1).max(64).describe('The attestor: `join_token`, `x509pop`, `oidc` or `node_key`.'),
  evidence: z.record(z.string().max(64), z.unknown()).describe('What this attestor reads.'),
  csr: base64(12_000).describe('PKCS #10, base64 of the DER. Only its public key is taken.'),
  role: z
    .enum(['agent', 'workload'])
    .optional()
    .describe('What to become; what the evidence is usually for unless told.'),
  spiffeId: z
    .string()
    .max(2048)
    .refine((text) => spiffeIdProblem(text) === undefined, 'is not a SPIFFE ID')
    .optional()
    .describe('Which identity, if the evidence gives several.'),
  challenge: base64(128).optional().describe('The nonce of `/v1/attest/challenge`, for attestors that want one.'),
  nodeKey: z
    .strictObject({ spki: base64(2048), signature: base64(2048) })
    .optional()
    .describe('A key that the agent keeps, with its signature over the SHA-256 of the CSR.'),
});

const Identity = X509Svid.extend({
  role: z.enum(['agent', 'workload']),
  attestation: z.string(),
  renewUntil: z.int().optional().describe('Unix seconds: until when it renews without new evidence.'),
});

const Challenge = z.object({
  challenge: z.string().describe('Base64. Sign it, followed by the SHA-256 of the CSR, and send it with the evidence.'),
  expiresAt: z.iso.datetime(),
});

const requestOf = (body: z.output<typeof Body>, source: string): AttestRequest => ({
  type: body.type,
  evidence: body.evidence,
  csr: decodeBase64(body.csr),
  source,
  ...(body.role !== undefined && { role: body.role === 'workload' ? 'agentless' : body.role }),
  ...(body.spiffeId !== undefined && { spiffeId: parseSpiffeId(body.spiffeId) }),
  ...(body.challenge !== undefined && { challenge: decodeBase64(body.challenge) }),
  ...(body.nodeKey && {
    nodeKey: { spki: decodeBase64(body.nodeKey.spki), signature: decodeBase64(body.nodeKey.signature) },
  }),
});

const render = (identity: AttestedIdentity): z.output<typeof Identity> => ({
  ...renderX509(identity),
  role: identity.role === 'agentless' ? 'workload' : identity.role,
  attestation: identity.attestation,
  ...(identity.renewUntil !== undefined && { renewUntil: identity.renewUntil }),
});

export const attestRoutes = (attesting: Attesting): readonly Route[] => [
  defineRoute({
    method: 'POST',
    path: '/v1/attest',
    listeners: ['api'],
    summary: 'Evidence in, identity out',
    description:
      'An agent gets its own identity, an agentless workload that of the entry which its evidence matches. ' +
      'Why evidence was not accepted is never said here: an operator reads it with `mayfly explain`.',
    access: { kind: 'none' },
    sourceLimit: 'attest',
    bodyKind: 'json',
    body: Body,
    answers: [{ status: 200, description: 'The identity.', schema: Identity }],
    refusals: [
      'attestation_refused',
      'no_identity',
      'ambiguous_identity',
      'revoked',
      'invalid_csr',
      'unsupported_key',
      'rate_limited',
      'busy',
      'unavailable',
    ],
    handle: async ({ source }, { body }) => ({ body: render(await attest(attesting, requestOf(body, source))) }),
  }),
  defineRoute({
    method: 'POST',
    path: '/v1/attest/challenge',
    listeners: ['api'],
    summary: 'A nonce to sign, good once and for a minute',
    access: { kind: 'none' },
    sourceLimit: 'attest',
    answers: [{ status: 200, description: 'The challenge.', schema: Challenge }],
    refusals: ['rate_limited', 'busy'],
    handle: () => {
      const { nonce, expiresAt } = createChallenge(attesting);
      return {
        headers: { 'cache-control': 'no-store' },
        body: { challenge: Buffer.from(nonce).toString('base64'), expiresAt: new Date(expiresAt).toISOString() },
      };
    },
  }),
];

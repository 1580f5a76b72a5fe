import { z } from 'zod';
import { requireWithin } from '../../../domain/administrator.ts';
import { Refusal } from '../../../domain/refusal.ts';
import { tryDecodeBase64 } from '../../../formats/base64url.ts';
import type { Caller } from '../../../usecases/authenticate-caller.ts';
import { mayHearOf } from '../../../usecases/authorize-validation.ts';
import type { Issuer } from '../../../usecases/issuer.ts';
import { recordDenial } from '../../../usecases/record-denial.ts';
import { validateCredential, type Validation } from '../../../usecases/validate-credential.ts';
import { defineRoute, type Route } from '../route.ts';
import { ADMIN_LISTENERS, administer } from './administering.ts';

const Body = z.strictObject({
  credential: z
    .string()
    .min(1)
    .max(32 * 1024)
    .describe('An X.509-SVID (PEM, or base64 of the DER), a JWT-SVID or an access token.'),
});

const ValidationAnswer = z.object({
  status: z
    .enum(['valid', 'revoked', 'expired', 'unknown'])
    .describe('`revoked` also when it has expired since; `unknown`: not ours, or not as it is on record.'),
  kind: z.enum(['x509-svid', 'jwt-svid', 'access-token']).optional(),
  id: z.string().optional().describe('Serial or `jti`.'),
  spiffeId: z.string().optional(),
  audience: z.array(z.string()).optional(),
  scope: z.array(z.string()).optional(),
  notBefore: z.int().optional().describe('Unix seconds.'),
  expiresAt: z.int().optional().describe('Unix seconds.'),
  reason: z.string().optional(),
  since: z.int().optional().describe('Unix seconds.'),
  revocation: z.string().optional(),
});

/** PEM and compact JWS go on as text; anything that is base64 as a whole is DER. */
const credentialOf = (text: string): string | Uint8Array => tryDecodeBase64(text.trim()) ?? text;

const answer = { status: 200, description: 'How it stands at this moment.', schema: ValidationAnswer } as const;
const headers = { 'cache-control': 'no-store' };

const render = (validation: Validation) => ({ headers, body: validation });

/** Takes one validation from the caller's rate (DEC-21), or refuses with `rate_limited`. */
export type ValidationRate = (caller: Caller) => void;

export const validateRoutes = (issuer: Issuer, takeRate: ValidationRate): readonly Route[] => [
  defineRoute({
    method: 'POST',
    path: '/v1/validate',
    listeners: ['api'],
    summary: 'Is this credential good now?',
    description:
      'For its holder, for whom a token is meant (its audience, or an owner of the resource), and for administrators. ' +
      'It says nothing of whether whoever shows the credential holds its key.',
    access: { kind: 'svid' },
    bodyKind: 'json',
    body: Body,
    answers: [answer],
    refusals: ['unauthenticated', 'forbidden', 'rate_limited'],
    handle: async (context, { body }) => {
      const caller = await context.caller();
      takeRate(caller);
      const validation = validateCredential(issuer, credentialOf(body.credential));
      if (mayHearOf(issuer, caller, validation)) return render(validation);
      const refusal = new Refusal('forbidden', 'you may not ask about this credential', {
        reason: 'the caller is neither its holder, nor its audience, nor an administrator of it',
      });
      const subject = { operation: context.operation, source: context.source, caller: caller.serial };
      throw await recordDenial(issuer, { ...subject, spiffeId: caller.spiffeId }, refusal);
    },
  }),
  defineRoute({
    method: 'POST',
    path: '/v1/admin/validate',
    listeners: ADMIN_LISTENERS,
    summary: 'Is this credential good now? For administrators',
    access: { kind: 'admin', role: 'viewer' },
    bodyKind: 'json',
    body: Body,
    answers: [answer],
    refusals: ['unauthenticated', 'forbidden'],
    handle: (context, { body }) =>
      administer(issuer, context, (admin) => {
        const validation = validateCredential(issuer, credentialOf(body.credential));
        if (validation.spiffeId !== undefined) requireWithin(admin, validation.spiffeId);
        return render(validation);
      }),
  }),
];

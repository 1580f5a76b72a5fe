import { z } from 'zod';
import { tryDecodeBase64 } from '../../../formats/base64url.ts';
import type { Caller } from '../../../usecases/authenticate-caller.ts';
import type { Issuer } from '../../../usecases/issuer.ts';
import type { ItemOutcome } from '../../../usecases/item-outcome.ts';
import { issueJwtSvids } from '../../../usecases/issue-jwt-svids.ts';
import { issueX509Svids, type X509SvidItem } from '../../../usecases/issue-x509-svids.ts';
import type { IssuedJwt } from '../../../usecases/jwt-issuance.ts';
import type { IssuedX509 } from '../../../usecases/x509-issuance.ts';
import { defineRoute, type Route } from '../route.ts';

/** DEC-21. */
const MAX_ITEMS = 100;
const MAX_BYTES = 256 * 1024;

const entryId = z.string().min(1).max(128).optional().describe('The entry; absent for the caller’s own identity.');

const X509Request = z.strictObject({
  items: z
    .array(z.strictObject({ csr: z.string().min(1).max(12_000).describe('PKCS #10, base64 of the DER.'), entryId }))
    .min(1)
    .max(MAX_ITEMS),
});

const JwtRequest = z.strictObject({
  items: z
    .array(
      z.strictObject({
        audience: z.array(z.string().min(1).max(2048)).min(1).max(32),
        entryId,
        algorithm: z.enum(['ES256', 'RS256']).optional().describe('`ES256` unless told; `RS256` where it is on.'),
      }),
    )
    .min(1)
    .max(MAX_ITEMS),
});

const Place = z.object({ epoch: z.int(), index: z.int() }).describe('Where the decision is on record.');

const Refused = z.object({
  error: z.object({ code: z.string(), detail: z.string(), decision: z.string().optional() }),
});

export const X509Svid = z.object({
  spiffeId: z.string(),
  serial: z.string(),
  chain: z.array(z.string()).describe('Base64 of the DER, leaf first.'),
  notBefore: z.int().describe('Unix seconds.'),
  notAfter: z.int(),
  ledger: Place,
});

const JwtSvid = z.object({
  spiffeId: z.string(),
  jti: z.string(),
  token: z.string(),
  issuedAt: z.int().describe('Unix seconds.'),
  expiresAt: z.int(),
  ledger: Place,
});

const base64 = (der: Uint8Array): string => Buffer.from(der.buffer, der.byteOffset, der.length).toString('base64');

/** What a client is told of an X.509-SVID. */
export const renderX509 = (svid: IssuedX509): z.output<typeof X509Svid> => ({
  spiffeId: svid.spiffeId,
  serial: svid.id,
  chain: svid.chain.map(base64),
  notBefore: svid.notBefore,
  notAfter: svid.notAfter,
  ledger: svid.ledger,
});

const renderJwt = ({ id, spiffeId, token, issuedAt, expiresAt, ledger }: IssuedJwt): z.output<typeof JwtSvid> => ({
  spiffeId,
  jti: id,
  token,
  issuedAt,
  expiresAt,
  ledger,
});

/** A single refused item is the answer itself; of several, each stands in its place. */
const renderItems = <T>(outcomes: readonly ItemOutcome<T>[], render: (value: T) => object): object => {
  const [only] = outcomes;
  if (outcomes.length === 1 && only && 'refusal' in only) throw only.refusal;
  return {
    items: outcomes.map((outcome) => {
      if ('value' in outcome) return render(outcome.value);
      const { code, message, decisionId } = outcome.refusal;
      return { error: { code, detail: message, ...(decisionId !== undefined && { decision: decisionId }) } };
    }),
  };
};

/** What is not base64 is no CSR either: it is refused in its place, on record like any other. */
const decodeCsr = (text: string): Uint8Array => tryDecodeBase64(text) ?? new Uint8Array();

const decodeItem = (item: z.output<typeof X509Request>['items'][number]): X509SvidItem => ({
  csr: decodeCsr(item.csr),
  ...(item.entryId !== undefined && { entryId: item.entryId }),
});

/**
 * Whether no item names an entry, so that all ask for the caller's own SVID. A member name can hide from this only behind an
 * escape, so bodies with one count as others.
 */
const namesNoEntry = (octets: Buffer): boolean => !octets.includes('"entryId"') && !octets.includes('\\u');

/** Takes signings from the caller's rate (DEC-21), or refuses with `rate_limited`. */
export type SigningRate = (caller: Caller, count: number) => void;

const refusals = [
  'unauthenticated',
  'forbidden',
  'no_identity',
  'revoked',
  'rate_limited',
  'busy',
  'unavailable',
] as const;

export const svidRoutes = (issuer: Issuer, takeRate: SigningRate): readonly Route[] => [
  defineRoute({
    method: 'POST',
    path: '/v1/svids/x509',
    listeners: ['api'],
    summary: 'X.509-SVIDs for CSRs',
    description:
      'Agents name entries under them; without `entryId` the caller renews its own SVID. Only the public key is taken from a CSR. ' +
      'One refused item is answered as an error; of several, each result stands in its place.',
    access: { kind: 'svid' },
    admission: 'reserved',
    isRenewal: namesNoEntry,
    bodyKind: 'json',
    body: X509Request,
    maxBytes: MAX_BYTES,
    answers: [
      {
        status: 200,
        description: 'One result an item, in order.',
        schema: z.object({ items: z.array(z.union([X509Svid, Refused])) }),
      },
    ],
    refusals: [...refusals, 'invalid_csr', 'unsupported_key', 'renewal_refused'],
    handle: async (context, { body: { items } }) => {
      const caller = await context.caller();
      takeRate(caller, items.length);
      return {
        items: items.length,
        urgency: items.some((item) => item.entryId === undefined) ? 'renewal' : 'other',
        make: async (send) => {
          const outcomes = await issueX509Svids(issuer, caller, items.map(decodeItem), context.source);
          send({ body: renderItems(outcomes, renderX509) });
        },
      };
    },
  }),
  defineRoute({
    method: 'POST',
    path: '/v1/svids/jwt',
    listeners: ['api'],
    summary: 'JWT-SVIDs for audiences',
    description: 'Agents name entries under them; without `entryId` the token is for the caller’s own identity.',
    access: { kind: 'svid' },
    bodyKind: 'json',
    body: JwtRequest,
    maxBytes: MAX_BYTES,
    answers: [
      {
        status: 200,
        description: 'One result an item, in order.',
        schema: z.object({ items: z.array(z.union([JwtSvid, Refused])) }),
      },
    ],
    refusals,
    handle: async (context, { body }) => {
      const caller = await context.caller();
      takeRate(caller, body.items.length);
      const items = body.items.map(({ audience, entryId: entry, algorithm }) => ({
        audience,
        ...(algorithm !== undefined && { algorithm }),
        ...(entry !== undefined && { entryId: entry }),
      }));
      return {
        items: items.length,
        urgency: 'other',
        make: async (send) => {
          const outcomes = await issueJwtSvids(issuer, caller, items, context.source);
          send({ body: renderItems(outcomes, renderJwt) });
        },
      };
    },
  }),
];

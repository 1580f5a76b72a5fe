import { z } from 'zod';

const text = z.string().max(2048);

/** A resource as it is written. */
export const ResourceBody = z.strictObject({
  identifier: text.describe('An absolute URI without fragment, compared as bytes; becomes `aud`.'),
  names: z.array(text).max(64).optional().describe('Logical names.'),
  owners: z.array(text).max(256).optional().describe('SPIFFE IDs that may ask about tokens for it.'),
  scopes: z.array(z.strictObject({ name: text, maxTtl: z.int().optional().describe('Seconds.') })).max(1024),
  bindings: z.array(text).max(8).optional().describe('`dpop`, `mtls`, `bearer` in order of preference.'),
  algorithm: text.optional().describe('`ES256` unless told, or `RS256`.'),
  claims: z
    .record(text, z.union([text, z.number(), z.boolean()]))
    .optional()
    .describe('Fixed claims of every token for it.'),
  owner: text.optional().describe('A free label of who keeps it.'),
});

/** A resource as it is read. */
export const ResourceAnswer = ResourceBody.required({
  names: true,
  owners: true,
  bindings: true,
  algorithm: true,
  claims: true,
}).extend({ revision: z.int() });

import { z } from 'zod';
import type { Entry } from '../../../domain/entry.ts';
import { time } from './administering.ts';

const text = z.string().max(2048);
const texts = z.array(text).max(256);
const seconds = z.int().describe('Seconds.');

const Grant = z.strictObject({
  resource: text.describe('The resource’s identifier.'),
  scopes: texts,
  defaultScopes: texts.optional().describe('Given when a request names no scope.'),
  maxTtl: seconds.optional(),
  bearer: z.boolean().optional().describe('May hold an unbound token: the written exception.'),
});

const shared = {
  spiffeId: text,
  selectors: texts.describe('`type:value`; all of them have to match.'),
  x509Ttl: seconds.optional(),
  jwtTtl: seconds.optional(),
  commonName: text.optional(),
  hint: text.optional(),
  admin: z.strictObject({ role: text, prefix: text }).optional(),
  limits: z.strictObject({ signingsPerSecond: z.int().optional() }).optional(),
  owner: text.optional().describe('A free label of who keeps it.'),
  expiresAt: z.int().optional().describe('Unix seconds; from then on it gives nothing.'),
};

/** An entry as it is written. What is left out has its default. */
export const EntryBody = z.strictObject({
  ...shared,
  parentId: text.optional().describe('An agent or an agent group; the server itself when absent.'),
  dnsNames: texts.optional(),
  federatesWith: texts.optional(),
  downstream: z.boolean().optional(),
  grants: z.array(Grant).max(256).optional(),
  audiences: texts.optional().describe('With `scopes`, the short form of one grant: exactly one audience.'),
  scopes: texts.optional(),
  jwtAudiences: texts.optional().describe('Audiences that its JWT-SVIDs may name; any when empty.'),
});

/** The same with an id, chosen by the operator; ids are never used twice. */
export const IdentifiedEntryBody = EntryBody.extend({
  id: text.optional().describe('Made by the server when absent.'),
});

/** An entry as it is read. */
export const EntryAnswer = z.object({
  ...shared,
  id: z.string(),
  revision: z.int(),
  parentId: text,
  dnsNames: texts,
  federatesWith: texts,
  downstream: z.boolean(),
  grants: z.array(Grant),
  jwtAudiences: texts,
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
});

export const renderEntry = (entry: Entry): object => ({
  ...entry,
  createdAt: time(entry.createdAt),
  updatedAt: time(entry.updatedAt),
});

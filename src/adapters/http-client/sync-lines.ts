import { z } from 'zod';
import { Refusal } from '../../domain/refusal.ts';
import { TARGET_KINDS } from '../../domain/revocation.ts';
import { parseJsonObject } from '../../formats/json.ts';
import type { ServerMessage } from '../../formats/sync-message.ts';

/** The longest line that is taken. */
export const MAX_LINE_BYTES = 4 * 1024 * 1024;
const MAX_DEPTH = 16;

const text = z.string().max(4096);
const texts = z.array(text);
const count = z.int().min(0);
const Place = z.object({ epoch: count, index: count });

const Entry = z.object({
  id: text,
  revision: count,
  spiffeId: text,
  selectors: texts,
  createdAt: count,
  x509Ttl: count.exactOptional(),
  jwtTtl: count.exactOptional(),
  dnsNames: texts.exactOptional(),
  commonName: text.exactOptional(),
  hint: text.exactOptional(),
  federatesWith: texts.exactOptional(),
  expiresAt: count.exactOptional(),
});

const Revocation = z.object({
  id: text,
  target: z.object({ kind: z.enum(TARGET_KINDS), value: text }),
  predicates: z.array(z.enum(['cutoff', 'block', 'hold', 'lock'])),
  index: count,
});

const Bundle = z.object({
  trustDomain: text,
  sequence: count,
  x509Authorities: z.array(z.string()),
  jwtKeys: z.array(z.record(z.string(), z.string())),
});

/** Seconds. A server cannot make its agent wait for ever. */
const period = z.number().min(0.1).max(600);

const MESSAGES = {
  welcome: z.object({
    type: z.literal('welcome'),
    version: z.literal(1),
    heartbeat: period,
    lease: period,
    x509Ttl: count,
    jwtTtl: count,
    elapsed: count.exactOptional(),
  }),
  reset: z.object({ type: z.literal('reset') }),
  entries: z.object({ type: z.literal('entries'), entries: z.array(Entry), removed: texts }),
  revocations: z.object({ type: z.literal('revocations'), revocations: z.array(Revocation), removed: texts }),
  bundle: z.object({
    type: z.literal('bundle'),
    bundle: Bundle,
    federated: z.array(Bundle).exactOptional(),
    tainted: texts,
  }),
  cursor: z.object({ type: z.literal('cursor'), cursor: Place }),
  heartbeat: z.object({ type: z.literal('heartbeat'), time: z.int(), elapsed: count.exactOptional() }),
  recorded: z.object({ type: z.literal('recorded'), ids: texts }),
  bye: z.object({
    type: z.literal('bye'),
    reason: z.enum(['shutdown', 'overload', 'expired', 'revoked']),
    within: z.int().min(1).exactOptional(),
    cursor: Place.exactOptional(),
  }),
} satisfies { readonly [K in ServerMessage['type']]: z.ZodType<Extract<ServerMessage, { type: K }>> };

const isKnown = (type: unknown): type is keyof typeof MESSAGES =>
  typeof type === 'string' && Object.hasOwn(MESSAGES, type);

const unreadable = (problem: string): Refusal =>
  new Refusal('unavailable', `the server says what this agent cannot read: ${problem}`);

/**
 * Reads one line. Undefined for a message of a type that is not known here (DEC-35). Refuses with `unavailable` what is no
 * strict JSON, and a known message with a member that is missing or wrong: to skip half of a state would be to hold another
 * one than the server believes.
 */
export const readSyncLine = (line: Uint8Array): ServerMessage | undefined => {
  try {
    const object = parseJsonObject(line, { maxBytes: MAX_LINE_BYTES, maxDepth: MAX_DEPTH });
    const { type } = object;
    return isKnown(type) ? MESSAGES[type].parse(object) : undefined;
  } catch (error) {
    if (error instanceof Refusal) throw unreadable(error.message);
    if (!(error instanceof z.ZodError)) throw error;
    const [issue] = error.issues;
    throw unreadable(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`);
  }
};

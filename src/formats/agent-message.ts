import type { Cursor } from '../domain/cursor.ts';
import { textProblem } from '../domain/problems.ts';
import { isRecordId } from '../domain/record-id.ts';
import { Refusal } from '../domain/refusal.ts';
import { MAX_SELECTORS, selectorProblem } from '../domain/selector.ts';
import { spiffeIdProblem } from '../domain/spiffe-id.ts';
import { isJsonObject, parseJsonObject, type JsonObject, type JsonValue } from './json.ts';
import type { AgentMessage, SyncDenial } from './sync-message.ts';

/** Octets of one line of an agent, without its end. */
export const MAX_AGENT_LINE_BYTES = 64 * 1024;
/** Denials in one line. */
export const MAX_DENIALS = 64;

const MAX_DEPTH = 4;
const MAX_REASON_BYTES = 1024;
/** The method that was called. It stands in the log in clear, so that it names nobody (TL-15). */
const OPERATION = /^[A-Za-z][A-Za-z0-9._/ -]{0,63}$/;

const malformed = (what: string): Refusal => new Refusal('invalid_request', `a line of the agent is wrong: ${what}`);

const isCount = (value: JsonValue | undefined): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;

const readPlace = (value: JsonValue | undefined): Cursor => {
  if (!isJsonObject(value) || !isCount(value['epoch']) || !isCount(value['index'])) throw malformed('cursor');
  return { epoch: value['epoch'], index: value['index'] };
};

const isSelectors = (value: JsonValue | undefined): value is readonly string[] =>
  Array.isArray(value) &&
  value.length <= MAX_SELECTORS &&
  value.every((each) => typeof each === 'string' && selectorProblem(each) === undefined);

const readDenial = (value: JsonValue): SyncDenial => {
  if (!isJsonObject(value)) throw malformed('denials');
  const { id, operation, reason, selectors, spiffeId } = value as JsonObject & Record<string, JsonValue>;
  if (typeof id !== 'string' || !isRecordId(id)) throw malformed('denials: id');
  if (typeof operation !== 'string' || !OPERATION.test(operation)) throw malformed('denials: operation');
  if (typeof reason !== 'string' || textProblem(reason, MAX_REASON_BYTES) !== undefined) {
    throw malformed('denials: reason');
  }
  if (!isSelectors(selectors)) throw malformed('denials: selectors');
  if (spiffeId === undefined) return { id, operation, reason, selectors };
  if (typeof spiffeId !== 'string' || spiffeIdProblem(spiffeId) !== undefined) throw malformed('denials: spiffeId');
  return { id, operation, reason, selectors, spiffeId };
};

const readDenials = (value: JsonValue | undefined): readonly SyncDenial[] => {
  if (!Array.isArray(value) || value.length === 0 || value.length > MAX_DENIALS) throw malformed('denials');
  return value.map(readDenial);
};

/**
 * Reads one line of what an agent says on `GET /v1/sync`. Undefined for a type that is not known here: a newer agent may say
 * more (DEC-35). Refuses with `invalid_request` or `payload_too_large` what is no message, or a wrong one.
 */
export const readAgentMessage = (line: Uint8Array): AgentMessage | undefined => {
  const message = parseJsonObject(line, { maxBytes: MAX_AGENT_LINE_BYTES, maxDepth: MAX_DEPTH });
  switch (message['type']) {
    case 'ack':
      return { type: 'ack', cursor: readPlace(message['cursor']) };
    case 'denials':
      return { type: 'denials', denials: readDenials(message['denials']) };
    case 'resync':
      return { type: 'resync' };
    default:
      if (typeof message['type'] !== 'string') throw malformed('type');
      return undefined;
  }
};

import { Delta, type DeltaRequest, type DeltaResponse } from '../../../src/adapters/sds/delta.ts';
import { SECRET_TYPE_URL } from '../../../src/adapters/sds/messages.ts';
import { countedNonces, secretsLike } from './workload-states.ts';

export const request = (changes: Partial<DeltaRequest> = {}): DeltaRequest => ({
  subscribe: [],
  unsubscribe: [],
  typeUrl: SECRET_TYPE_URL,
  initialVersions: new Map(),
  refused: false,
  ...changes,
});

export const add = (...subscribe: readonly string[]): DeltaRequest => request({ subscribe });
export const drop = (...unsubscribe: readonly string[]): DeltaRequest => request({ unsubscribe });
export const ACCEPTED = request();
export const REFUSED = request({ refused: true });

export const HELD = { default: 'v1', ROOTCA: 'v1', other: 'v1' };

/** A response as `nonce: name version, -removed, …`. */
export const shown = (response: DeltaResponse | undefined): string | undefined => {
  if (response === undefined) return undefined;
  const parts = response.secrets.map(({ name, version }) => `${name} ${version}`);
  return `${response.nonce}: ${[...parts, ...response.removed.map((name) => `-${name}`)].join(', ')}`;
};

/** A stream that knows its caller's secrets and has answered a first request. */
export const startedWith = (first: DeltaRequest, held: Readonly<Record<string, string>> = HELD): Delta => {
  const stream = new Delta(countedNonces());
  stream.update(secretsLike(held));
  stream.request(first);
  stream.next();
  return stream;
};

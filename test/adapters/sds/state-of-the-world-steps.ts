import { SECRET_TYPE_URL } from '../../../src/adapters/sds/messages.ts';
import {
  StateOfTheWorld,
  type StateOfTheWorldRequest,
  type StateOfTheWorldResponse,
} from '../../../src/adapters/sds/state-of-the-world.ts';
import { countedNonces, secretsLike } from './workload-states.ts';

export const ask = (
  names: readonly string[],
  changes: Partial<StateOfTheWorldRequest> = {},
): StateOfTheWorldRequest => ({
  names,
  typeUrl: SECRET_TYPE_URL,
  nonce: '',
  refused: false,
  ...changes,
});

export const accept = (names: readonly string[], nonce: string): StateOfTheWorldRequest => ask(names, { nonce });
export const refuse = (names: readonly string[], nonce: string): StateOfTheWorldRequest =>
  ask(names, { nonce, refused: true });

export const HELD = { default: 'v1', ROOTCA: 'v1', other: 'v1' };

/** A response as `nonce: name version, …`. */
export const shown = (response: StateOfTheWorldResponse | undefined): string | undefined =>
  response && `${response.nonce}: ${response.secrets.map(({ name, version }) => `${name} ${version}`).join(', ')}`;

/** A stream that knows its caller's secrets and has answered a first request. */
export const startedWith = (
  names: readonly string[],
  held: Readonly<Record<string, string>> = HELD,
): StateOfTheWorld => {
  const stream = new StateOfTheWorld(countedNonces());
  stream.update(secretsLike(held));
  stream.request(ask(names));
  stream.next();
  return stream;
};

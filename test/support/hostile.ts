import { sign } from 'node:crypto';
import { csrDigest, possessionMessage } from '../../src/formats/possession.ts';
import { writeCsr } from '../../src/formats/csr-writer.ts';
import type { Answered } from './http.ts';
import type { Journey } from './journey.ts';
import { newKey, type TestKey } from './x509.ts';

/** What a person reads of a problem document: `403 forbidden`. */
export const codeOf = (answer: Answered): string => `${answer.status} ${String(answer.json()['code'])}`;

/** The reason of the newest denial on record, which only operators see. */
export const lastReason = (journey: Journey): string => journey.facts('denied').at(-1)?.reason ?? '';

export const attestAs = (journey: Journey, body: object): Promise<Answered> =>
  journey.api().postJson('/v1/attest', body);

export const challengeOf = async (journey: Journey): Promise<Buffer> => {
  const answer = await journey.api().ask('/v1/attest/challenge', { method: 'POST' });
  return Buffer.from(String(answer.json()['challenge']), 'base64');
};

/** A signature by `key` over nonce and request (DEC-15). */
export const proofBy = (key: TestKey, csr: Uint8Array, nonce?: Uint8Array): string =>
  sign('sha256', possessionMessage(csrDigest(csr), nonce), key.privateKey).toString('base64');

/** A whole x509pop request over a fresh challenge: honest but for the chain and what `changes` replaces. */
export const popRequest = async (
  journey: Journey,
  chain: readonly Uint8Array[],
  changes: { readonly signer?: TestKey; readonly csr?: Buffer; readonly more?: object } = {},
) => {
  const { signer = newKey(), csr = writeCsr(newKey().privateKey), more = {} } = changes;
  const nonce = await challengeOf(journey);
  return {
    type: 'x509pop',
    evidence: {
      chain: chain.map((der) => Buffer.from(der).toString('base64')),
      signature: proofBy(signer, csr, nonce),
    },
    csr: csr.toString('base64'),
    challenge: nonce.toString('base64'),
    ...more,
  };
};

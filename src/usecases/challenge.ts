import { createHmac, timingSafeEqual } from 'node:crypto';
import { evidenceRefused } from '../domain/attestation.ts';
import type { Spend } from '../domain/fact.ts';
import type { Instant } from '../domain/instant.ts';
import type { Issuer } from './issuer.ts';

/** How long a caller has to answer (DEC-15). */
const LIFE_MS = 60_000;

const RANDOM_BYTES = 16;
const TIME_BYTES = 6;
const SEAL_BYTES = 32;
const BODY_BYTES = RANDOM_BYTES + TIME_BYTES;
export const NONCE_BYTES = BODY_BYTES + SEAL_BYTES;

/** The key that seals challenges: at least 32 octets, the same in every front end, since any of them may get the answer. */
export interface ChallengeKey {
  readonly challengeKey: Uint8Array;
}

export interface Challenge {
  readonly nonce: Uint8Array;
  readonly expiresAt: Instant;
}

const seal = (key: Uint8Array, body: Uint8Array): Buffer => createHmac('sha256', key).update(body).digest();

/**
 * `POST /v1/attest/challenge`: a nonce that only this trust domain's servers can have made, good once and for 60 s. Nothing is
 * kept for it: its time and an HMAC stand in the nonce itself, so asking for many costs us no memory.
 */
export const createChallenge = (issuer: Pick<Issuer, 'clock' | 'entropy'> & ChallengeKey): Challenge => {
  const expiresAt = (issuer.clock.now() + LIFE_MS) as Instant;
  const body = Buffer.alloc(BODY_BYTES);
  body.set(issuer.entropy.bytes(RANDOM_BYTES));
  body.writeUIntBE(expiresAt, RANDOM_BYTES, TIME_BYTES);
  return { nonce: Buffer.concat([body, seal(issuer.challengeKey, body)]), expiresAt };
};

/**
 * Checks that a nonce is ours and still good, and gives what has to be recorded so that nobody uses it again. It is spent
 * with the issuance and not before: a refusal burns nothing (DEC-54). Refuses with `attestation_refused`.
 */
export const openChallenge = (key: Uint8Array, nonce: Uint8Array, now: Instant): Spend => {
  if (nonce.length !== NONCE_BYTES) throw evidenceRefused('the challenge has the wrong length');
  const octets = Buffer.from(nonce);
  const body = octets.subarray(0, BODY_BYTES);
  if (!timingSafeEqual(seal(key, body), octets.subarray(BODY_BYTES))) {
    throw evidenceRefused('the challenge was not made by this trust domain');
  }
  const expiresAt = body.readUIntBE(RANDOM_BYTES, TIME_BYTES);
  if (now >= expiresAt) throw evidenceRefused('the challenge has expired');
  return { kind: 'challenge', key: body.toString('hex'), until: Math.ceil(expiresAt / 1000) };
};

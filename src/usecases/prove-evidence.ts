import { hash } from 'node:crypto';
import { type AttestedRole, evidenceRefused } from '../domain/attestation.ts';
import type { Spend } from '../domain/fact.ts';
import type { Instant } from '../domain/instant.ts';
import type { SpiffeId } from '../domain/spiffe-id.ts';
import { type CertificationRequest, readCsr } from '../formats/csr.ts';
import { csrDigest, possessionMessage } from '../formats/possession.ts';
import type { Attestor, Proof } from '../ports/attestor.ts';
import { possessionProblem } from '../verify/possession.ts';
import { type ChallengeKey, openChallenge } from './challenge.ts';
import type { Issuer } from './issuer.ts';

/** What attesting needs beside an issuer. */
export interface Attesting extends Issuer, ChallengeKey {
  readonly attestors: ReadonlyMap<string, Attestor>;
}

/** A key that an agent keeps in its state folder, with a signature over SHA-256(CSR) by it (DEC-13). */
export interface NodeKeyProof {
  /** DER. */
  readonly spki: Uint8Array;
  readonly signature: Uint8Array;
}

export interface AttestRequest {
  readonly type: string;
  /** Whatever the attestor of this type reads. */
  readonly evidence: unknown;
  /** DER. */
  readonly csr: Uint8Array;
  /** Absent: what the evidence is usually for. */
  readonly role?: AttestedRole;
  /** Which identity, if the evidence gives several. */
  readonly spiffeId?: SpiffeId;
  readonly nodeKey?: NodeKeyProof;
  /** The nonce of `createChallenge`. */
  readonly challenge?: Uint8Array;
  /** The network address that asks. */
  readonly source: string;
}

/** Everything that was read and found good, before anything is decided. */
export interface Proven {
  readonly now: Instant;
  readonly csr: CertificationRequest;
  readonly role: AttestedRole;
  readonly proof: Proof;
  readonly nodeKey: string | undefined;
  readonly spends: readonly Spend[];
}

const roleOf = (proof: Proof, wanted: AttestedRole | undefined): AttestedRole => {
  const role = wanted ?? proof.roles[0];
  if (role === undefined || !proof.roles.includes(role))
    throw evidenceRefused(`this evidence is not for the role ${role}`);
  return role;
};

const checkedNodeKey = (nodeKey: NodeKeyProof, digest: Uint8Array): string => {
  const problem = possessionProblem(nodeKey.spki, possessionMessage(digest), nodeKey.signature);
  if (problem !== undefined) throw evidenceRefused(`node key: ${problem}`);
  return Buffer.from(nodeKey.spki).toString('base64');
};

const attestorFor = (attesting: Attesting, type: string): Attestor => {
  const attestor = attesting.attestors.get(type);
  if (!attestor) throw evidenceRefused('evidence of this type is not accepted here');
  return attestor;
};

const nonceFor = (attestor: Attestor, request: AttestRequest): Uint8Array | undefined => {
  if (!attestor.challenged) return undefined;
  if (!request.challenge) throw evidenceRefused('the answer to a challenge is missing');
  return request.challenge;
};

/** Reads the request and lets the attestor judge the evidence. Nothing is spent and nothing is recorded. */
export const prove = async (attesting: Attesting, request: AttestRequest): Promise<Proven> => {
  const now = attesting.clock.now();
  const attestor = attestorFor(attesting, request.type);
  const nonce = nonceFor(attestor, request);
  const challenge = nonce && openChallenge(attesting.challengeKey, nonce, now);
  const csr = readCsr(request.csr);
  const digest = csrDigest(request.csr);
  const offered = request.nodeKey && checkedNodeKey(request.nodeKey, digest);
  const proof = await attestor.prove(request.evidence, {
    csrDigest: digest,
    spki: hash('sha256', csr.spki, 'hex'),
    now,
    ...(nonce && { nonce }),
  });
  const role = roleOf(proof, request.role);
  if (offered !== undefined && role !== 'agent') throw evidenceRefused('a node key is for agents only');
  if (offered !== undefined && proof.nodeKey !== undefined) throw evidenceRefused('the node key is pinned already');
  const spends = [...proof.spends, ...(challenge ? [challenge] : [])];
  return { now, csr, role, proof, nodeKey: proof.nodeKey ?? offered, spends };
};

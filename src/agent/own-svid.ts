import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { Refusal } from '../domain/refusal.ts';
import { isReserved, pathOf, type SpiffeId, trustDomainOf } from '../domain/spiffe-id.ts';
import type { TrustDomain } from '../domain/trust-domain.ts';
import { readCertificate } from '../formats/certificate.ts';
import { writeCsr } from '../formats/csr-writer.ts';
import { csrDigest, possessionMessage, signPossession } from '../formats/possession.ts';
import type { AgentServer, IssuedSvid } from '../ports/agent-server.ts';
import type { AgentState, OwnSvid } from '../ports/agent-state.ts';
import type { Clock } from '../ports/clock.ts';
import type { Entropy } from '../ports/entropy.ts';
import type { EvidenceSource } from '../ports/evidence.ts';
import { readX509Svid, verifyX509Svid } from '../verify/x509-path.ts';
import { between } from './jitter.ts';
import type { ServerTrust } from './server-trust.ts';

export interface OwnSvidParts {
  readonly trustDomain: TrustDomain;
  readonly server: Pick<AgentServer, 'attest' | 'challenge' | 'renew'>;
  readonly state: AgentState;
  readonly trust: ServerTrust;
  readonly clock: Pick<Clock, 'now'>;
}

const LEEWAY_SECONDS = 60;

const newKey = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

const spkiOf = (key: KeyObject): Buffer => createPublicKey(key).export({ type: 'spki', format: 'der' });

/** The key of the next SVID: on disk before the server sees it, and the same for every attempt until there is an SVID (DEC-12). */
const pendingKey = ({ state }: OwnSvidParts): KeyObject => {
  const pending = state.pendingKey();
  if (pending) return pending;
  const key = newKey();
  state.savePendingKey(key);
  return key;
};

const nodeKey = ({ state }: OwnSvidParts): KeyObject => {
  const pinned = state.nodeKey();
  if (pinned) return pinned;
  const key = newKey();
  state.saveNodeKey(key);
  return key;
};

const bad = (problem: string): Refusal =>
  new Refusal('unavailable', `the server gave an SVID that is not taken: ${problem}`);

/** The SVID of an answer, of which nothing but the certificate is believed, and that only if it verifies. */
const checked = (parts: OwnSvidParts, { chain }: IssuedSvid, key: KeyObject): OwnSvid => {
  try {
    const svid = readX509Svid(chain);
    const { spiffeId, leaf } = svid;
    if (Buffer.compare(leaf.spki, spkiOf(key)) !== 0) throw bad('it is for another key');
    if (trustDomainOf(spiffeId) !== parts.trustDomain) throw bad(`it is for ${spiffeId}`);
    if (!isReserved(spiffeId) || !pathOf(spiffeId).startsWith('/mayfly/agent/')) throw bad(`${spiffeId} is no agent`);
    const roots = parts.trust.roots().map(readCertificate);
    verifyX509Svid({ svid, rootsOf: () => roots, now: parts.clock.now(), leewaySeconds: LEEWAY_SECONDS });
    return { spiffeId, serial: leaf.serial, chain, key, notBefore: leaf.notBefore, notAfter: leaf.notAfter };
  } catch (error) {
    if (error instanceof Refusal && error.code === 'invalid_svid') throw bad(error.reason ?? error.message);
    throw error;
  }
};

/** The successor of `held`. Refuses as the server does. */
export const renewSvid = async (parts: OwnSvidParts, held: OwnSvid): Promise<OwnSvid> => {
  const key = pendingKey(parts);
  const next = checked(parts, await parts.server.renew(writeCsr(key)), key);
  if (next.spiffeId !== held.spiffeId) throw bad(`it is for ${next.spiffeId} and not ${held.spiffeId}`);
  return next;
};

/** Comes back with the node key as the agent that it was (DEC-13). Refuses as the server does. */
export const comeBack = async (parts: OwnSvidParts, spiffeId: string): Promise<OwnSvid> => {
  const pinned = parts.state.nodeKey();
  if (!pinned) throw new Refusal('attestation_refused', 'this agent has no node key');
  const key = pendingKey(parts);
  const csr = writeCsr(key);
  const challenge = await parts.server.challenge();
  const signature = signPossession(pinned, possessionMessage(csrDigest(csr), challenge)).toString('base64');
  const evidence = { spiffeId: spiffeId as SpiffeId, signature };
  return checked(parts, await parts.server.attest({ type: 'node_key', evidence, csr, challenge }), key);
};

/** The evidence could not be collected; the server was not asked. */
export class EvidenceProblem extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'EvidenceProblem';
  }
}

const collect = async (source: EvidenceSource, message: Uint8Array) => {
  try {
    return await source.collect(message);
  } catch (error) {
    if (error instanceof Refusal) throw new EvidenceProblem(error.message);
    throw error;
  }
};

/**
 * Shows evidence to become an agent, and pins a node key with it. Refuses as the server does; throws an `EvidenceProblem` for
 * evidence that cannot be had.
 */
export const attestWith = async (parts: OwnSvidParts, source: EvidenceSource): Promise<OwnSvid> => {
  const key = pendingKey(parts);
  const csr = writeCsr(key);
  const digest = csrDigest(csr);
  const challenge = source.challenged ? await parts.server.challenge() : undefined;
  const evidence = await collect(source, possessionMessage(digest, challenge));
  const pinned = nodeKey(parts);
  const answer = await parts.server.attest({
    type: source.type,
    evidence,
    csr,
    nodeKey: { spki: spkiOf(pinned), signature: signPossession(pinned, possessionMessage(digest)) },
    ...(challenge && { challenge }),
  });
  return checked(parts, answer, key);
};

/** When to renew, in Unix milliseconds: at 40 to 50 % of the life (DEC-36). */
export const renewalOf = (entropy: Entropy, { notBefore, notAfter }: OwnSvid): number =>
  notBefore * 1000 + (notAfter - notBefore) * 1000 * between(entropy, 0.4, 0.5);

/** Whether the server has refused, rather than been unable to decide. */
export const isFinal = (error: unknown): error is Refusal =>
  error instanceof Refusal &&
  ['attestation_refused', 'revoked', 'unauthenticated', 'renewal_refused', 'forbidden', 'no_identity'].includes(
    error.code,
  );

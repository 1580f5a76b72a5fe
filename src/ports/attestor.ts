import type { AttestedRole } from '../domain/attestation.ts';
import type { Spend } from '../domain/fact.ts';
import type { Instant } from '../domain/instant.ts';
import type { RecordId } from '../domain/record-id.ts';
import type { SpiffeId } from '../domain/spiffe-id.ts';

/** The request that the evidence came with. */
export interface AttestationContext {
  /** SHA-256 of the certificate request. */
  readonly csrDigest: Uint8Array;
  /** SHA-256 of the SPKI in it, hexadecimal: the key that single-use evidence binds to (DEC-12). */
  readonly spki: string;
  readonly now: Instant;
  /** The nonce of a challenge that this server made less than 60 s ago; present for attestors with `challenged`. */
  readonly nonce?: Uint8Array;
}

/** What the evidence proves. */
export interface Proof {
  /** `type:value`, sorted, without duplicates. */
  readonly selectors: readonly string[];
  /** SHA-256, hexadecimal. */
  readonly evidence: string;
  /** The roles that this evidence allows; the first is the default. */
  readonly roles: readonly AttestedRole[];
  /** The SPIFFE ID as an agent; needed where `roles` has `agent`. */
  readonly agent?: SpiffeId;
  /** The entry that an operator tied this evidence to; selectors are not compared then. */
  readonly entry?: string;
  /** Base64 of the SPKI of a node key that stays pinned. */
  readonly nodeKey?: string;
  /** The ledger index of the earlier attestation that this one rests on. */
  readonly provenAt?: number;
  readonly joinToken?: RecordId;
  readonly spends: readonly Spend[];
  /** False: an agentless identity needs new evidence each time (DEC-14). */
  readonly renewable: boolean;
}

/** Judges one type of evidence. */
export interface Attestor {
  /** The name that callers give, and that stands in selectors and in the IDs of agents. */
  readonly type: string;
  /** The evidence signs a nonce ‖ SHA-256(CSR), see DEC-15. */
  readonly challenged: boolean;
  /**
   * `evidence` is what the caller sent, not looked at by anyone before. Refuses with `evidenceRefused` what it does not
   * believe, and with `unavailable` when it cannot tell now. It spends nothing: the ledger does, with the issuance.
   */
  prove(evidence: unknown, context: AttestationContext): Promise<Proof>;
}

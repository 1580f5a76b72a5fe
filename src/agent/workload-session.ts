import type { SpiffeId } from '../domain/spiffe-id.ts';
import type { TrustDomain } from '../domain/trust-domain.ts';

/** An X.509-SVID that a workload holds, with its key. */
export interface HeldX509Svid {
  readonly spiffeId: SpiffeId;
  /** DER, leaf first, without the root. */
  readonly chain: readonly Uint8Array[];
  /** PKCS #8, DER, not encrypted. */
  readonly key: Uint8Array;
  /** Unix seconds. */
  readonly notAfter: number;
  /** Unique in one state; absent where the operator gave none (WLAPI-23). */
  readonly hint?: string;
}

/** A trust domain as its workloads see it. */
export interface TrustBundle {
  readonly trustDomain: TrustDomain;
  /** DER. */
  readonly x509Authorities: readonly Uint8Array[];
  /** A JWK Set (JSON text) of JWT-SVID keys, in the shape of WLAPI-44. */
  readonly jwtKeySet: string;
}

/**
 * Everything that one workload may have now. The arrays stay the same objects while their content does, so that what was
 * written from them can be kept.
 */
export interface WorkloadState {
  /** At least one; the first is the default, and the order is stable (WLAPI-25). */
  readonly svids: readonly HeldX509Svid[];
  readonly bundle: TrustBundle;
  /** Those of other trust domains that its entries federate with, by name; never the own one. */
  readonly federated: readonly TrustBundle[];
}

export interface WorkloadToken {
  readonly spiffeId: SpiffeId;
  readonly token: string;
  readonly hint?: string;
}

export interface ValidatedToken {
  readonly spiffeId: SpiffeId;
  /** `aud` is always a list (WLAPI-46). */
  readonly claims: Readonly<Record<string, unknown>>;
}

/**
 * One caller of the agent's socket, known by its connection. Each method attests the caller when it is called, and refuses with
 * `Refusal`: `no_identity` (its message holds `no identity issued`, its `decisionId` the decision) when no entry gives the
 * caller one, `unavailable` when that cannot be told now (not synchronised, attestation failed, offline for too long),
 * `invalid_request` and `invalid_token` for what is wrong with the request.
 */
export interface WorkloadSession {
  /**
   * Calls `next` with the state at once and after every change of it (WLAPI-4, WLAPI-5), never twice with an equal one,
   * until the signal aborts. Rejects when nothing more will come. Before each call the caller was checked again (WLAPI-10).
   */
  watch(next: (state: WorkloadState) => void, signal: AbortSignal): Promise<never>;
  /** The state as it is now. */
  state(): Promise<WorkloadState>;
  /** For all identities of the caller, or for one of them; at least one token (WLAPI-40, WLAPI-41). */
  jwtSvids(audience: readonly string[], spiffeId: string | undefined): Promise<readonly WorkloadToken[]>;
  /** By the bundles that the caller may see (WLAPI-45). */
  validateJwt(audience: string, token: string): Promise<ValidatedToken>;
  /** The connection is closed: everything that still runs for it ends. */
  close(): void;
}

/** Who serves the callers of the agent's socket. `descriptor` is that of the accepted socket. */
export interface WorkloadSessions {
  /** Throws when the kernel does not tell who is there; the connection is then dropped. */
  open(descriptor: number): WorkloadSession;
}

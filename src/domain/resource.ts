import type { SpiffeId } from './spiffe-id.ts';

export const BINDINGS = ['dpop', 'mtls', 'bearer'] as const;
/** How an access token is tied to its holder (DEC-30). */
export type Binding = (typeof BINDINGS)[number];

export interface ResourceScope {
  readonly name: string;
  /** Seconds. */
  readonly maxTtl?: number;
}

/** What an operator writes: an API that takes our access tokens (DEC-47). */
export interface ResourceFields {
  /** An absolute URI without fragment, compared as bytes; becomes `aud`. */
  readonly identifier: string;
  /** Logical names for the `audience` parameter (RFC 8693 §2.1). */
  readonly names: readonly string[];
  /** SPIFFE IDs that may ask about tokens for this resource. */
  readonly owners: readonly SpiffeId[];
  readonly scopes: readonly ResourceScope[];
  /** In order of preference. */
  readonly bindings: readonly Binding[];
  readonly algorithm: 'ES256' | 'RS256';
  /** Fixed claims added to every token for this resource. */
  readonly claims: Readonly<Record<string, string | number | boolean>>;
  readonly owner?: string;
}

export interface Resource extends ResourceFields {
  readonly revision: number;
}

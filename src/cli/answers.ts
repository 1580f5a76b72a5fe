import type { z } from 'zod';
import type { EntryAnswer } from '../adapters/http/routes/entry-schema.ts';
import type { ResourceAnswer } from '../adapters/http/routes/resource-schema.ts';
import type { OutcomeAnswer, RevocationAnswer } from '../adapters/http/routes/revocation-schema.ts';
import type { CredentialRow } from '../ports/views.ts';
import type { Explanation } from '../usecases/explain.ts';
import type { ApplyPlan } from '../usecases/plan-apply.ts';
import type { RevocationPreview } from '../usecases/preview-revocation.ts';
import type { SeenAgent } from '../usecases/read-agents.ts';

/** What the admin API answers: the records of the use cases, with times as RFC 3339. */
export type Entry = z.output<typeof EntryAnswer>;
export type Resource = z.output<typeof ResourceAnswer>;
export type Revocation = z.output<typeof RevocationAnswer>;
export type RevokeOutcome = z.output<typeof OutcomeAnswer>;

export interface ReleaseOutcome {
  readonly left?: Revocation;
  readonly recorded: boolean;
}

export type Preview = Omit<RevocationPreview, 'inForce'> & { readonly inForce: readonly Revocation[] };

export interface Status {
  readonly state: 'valid' | 'revoked' | 'expired' | 'superseded';
  readonly revocation?: Revocation;
  readonly authorityRevoked?: boolean;
}

export type Credential = CredentialRow & { readonly status: Status };

export type Agent = Omit<SeenAgent, 'attestedAt' | 'banned' | 'evicted' | 'locked' | 'presence'> & {
  readonly attestedAt: string;
  readonly banned?: Revocation;
  readonly evicted?: Revocation;
  readonly locked?: Revocation;
  readonly presence?: {
    readonly connected: boolean;
    readonly since?: string;
    readonly seen: string;
    readonly acknowledged?: number;
    readonly behindSince?: string;
  };
};

export type Decision = Omit<Explanation, 'status' | 'revocations'> & {
  readonly status?: Status;
  readonly revocations?: readonly Revocation[];
};

export type Plan = ApplyPlan & {
  readonly counts: Readonly<Record<'create' | 'update' | 'delete' | 'unchanged', number>>;
};

export interface JoinToken {
  readonly id: string;
  readonly token: string;
  readonly expiresAt: number;
  readonly spiffeId: string;
}

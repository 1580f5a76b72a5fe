import type { Authority, AuthorityPurpose, KeyId } from '../../src/domain/authority.ts';
import { nextAuthorityStep, type AuthorityStep, type PrepareStep } from '../../src/domain/authority-plan.ts';
import { DEFAULT_AUTHORITY_POLICY, type AuthorityPolicy } from '../../src/domain/authority-policy.ts';
import { instant, type Instant } from '../../src/domain/instant.ts';

export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;
export const START = instant(1_800_000_000_000);
export const at = (ms: number): Instant => instant(START + Math.round(ms));

/** What the ledger does with the facts of steps, with keys that are only names. */
export const authorityWorld = (policy: AuthorityPolicy = DEFAULT_AUTHORITY_POLICY) => {
  const byId = new Map<KeyId, Authority>();
  const steps: { readonly at: Instant; readonly step: AuthorityStep; readonly before: readonly Authority[] }[] = [];
  const all = (): readonly Authority[] => [...byId.values()].filter(({ state }) => state !== 'gone');
  const change = (id: KeyId, over: Partial<Authority>): void => {
    const authority = byId.get(id);
    if (authority === undefined) throw new Error(`no authority ${id}`);
    byId.set(id, { ...authority, ...over });
  };
  const prepare = (step: PrepareStep, now: Instant, over: Partial<Authority> = {}): Authority => {
    const id = `${step.purpose}-${step.algorithm}-${step.generation}` as KeyId;
    if (byId.has(id)) throw new Error(`generation used twice: ${id}`);
    const authority: Authority = {
      ...step,
      id,
      state: 'prepared',
      tainted: false,
      publicKey: id,
      key: { kind: 'sealed', blob: '' },
      preparedAt: now,
      // An issuing CA that nobody here signs has no certificate yet.
      ...((step.purpose === 'x509-root' || step.issuer !== undefined) && { certificate: id }),
      ...over,
    };
    byId.set(id, authority);
    return authority;
  };
  const apply = (step: AuthorityStep, now: Instant): void => {
    if (step.kind === 'prepare') prepare(step, now);
    else if (step.kind === 'gone') change(step.id, { state: 'gone' });
    else {
      if (step.replaces !== undefined) change(step.replaces, { state: 'old', retiredAt: now });
      change(step.id, { state: 'active', activatedAt: now });
    }
  };
  const run = (now: Instant): AuthorityStep[] => {
    const done: AuthorityStep[] = [];
    for (let step = nextAuthorityStep(all(), now, policy); step; step = nextAuthorityStep(all(), now, policy)) {
      if (done.length > 30) throw new Error('the plan never ends');
      steps.push({ at: now, step, before: all() });
      apply(step, now);
      done.push(step);
    }
    return done;
  };
  const active = (purpose: AuthorityPurpose): Authority => {
    const found = all().filter((each) => each.purpose === purpose && each.state === 'active');
    if (found.length !== 1) throw new Error(`${found.length} active for ${purpose}`);
    return found[0] as Authority;
  };
  return { all, change, prepare, run, active, steps, byId };
};

/** Short words for steps. */
export const stepNames = (steps: readonly AuthorityStep[]): string[] =>
  steps.map((step) =>
    step.kind === 'prepare' ? `prepare ${step.purpose}-${step.generation}` : `${step.kind} ${step.id}`,
  );

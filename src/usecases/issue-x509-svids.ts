import { hash } from 'node:crypto';
import { type Entry, revisionOf } from '../domain/entry.ts';
import { POLICY_VERSION } from '../domain/fact.ts';
import { readCsr } from '../formats/csr.ts';
import type { Caller } from './authenticate-caller.ts';
import { entryUnderAgent, groupLeans, type Parents, parentsOnce } from './entitlement.ts';
import type { Issuer } from './issuer.ts';
import { issueItem, type ItemOutcome } from './item-outcome.ts';
import { planRenewal } from './renew-identity.ts';
import { checkMayAskForSvids } from './svid-callers.ts';
import { type IssuedX509, planX509, type X509Request } from './x509-issuance.ts';

/** One CSR. Without `entryId` the caller renews its own SVID. */
export interface X509SvidItem {
  /** DER. */
  readonly csr: Uint8Array;
  readonly entryId?: string;
}

/** A workload's SVID through its agent. */
const throughAgent = (
  caller: Caller,
  entry: Entry,
  parents: Parents,
  csr: X509Request['csr'],
  defaultTtl: number,
): X509Request => ({
  csr,
  spiffeId: entry.spiffeId,
  role: 'workload',
  ttl: entry.x509Ttl ?? defaultTtl,
  dnsNames: entry.dnsNames,
  ...(entry.commonName !== undefined && { commonName: entry.commonName }),
  entry: entry.id,
  agent: caller.spiffeId,
  leans: {
    caller: caller.serial,
    agent: caller.spiffeId,
    entry: revisionOf(entry),
    ...groupLeans(parents, entry),
    policy: POLICY_VERSION,
  },
  spends: [],
});

/**
 * `POST /v1/svids/x509`: authenticate (done), decide, plan, record, sign, check, for each item on its own. Agents ask for
 * entries under them; agents and agentless identities renew their own SVID; others are refused (DEC-14). All items of a
 * call are recorded in one batch.
 */
export const issueX509Svids = async (
  issuer: Issuer,
  caller: Caller,
  items: readonly X509SvidItem[],
  source: string,
): Promise<readonly ItemOutcome<IssuedX509>[]> => {
  const parentsNow = parentsOnce(issuer, caller);

  const decide = async (item: X509SvidItem, again: boolean) => {
    checkMayAskForSvids(caller, item.entryId);
    const csr = readCsr(item.csr);
    if (item.entryId === undefined) return planX509(issuer, planRenewal(issuer, caller, csr));
    const parents = parentsNow(again);
    const entry = entryUnderAgent(issuer, parents, item.entryId);
    return planX509(issuer, throughAgent(caller, entry, parents, csr, issuer.policy.x509Ttl));
  };

  return Promise.all(
    items.map((item) =>
      issueItem(
        issuer,
        () => ({
          operation: item.entryId === undefined ? 'renew' : 'x509-svid',
          caller: caller.serial,
          source,
          ...(caller.role === 'agent' && { agent: caller.spiffeId }),
          ...(item.entryId === undefined ? { spiffeId: caller.spiffeId } : { entry: item.entryId }),
          asked: { csr: hash('sha256', item.csr, 'hex') },
        }),
        (again) => decide(item, again),
      ),
    ),
  );
};

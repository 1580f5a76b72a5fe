import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { OwnSvid } from '../../src/ports/agent-state.ts';
import { issueLeaf, leafPlan, newCa, newKey, NOW } from './x509.ts';

/** A path for a state folder that is not there yet, and how to be rid of it. */
export const newStatePath = (): { readonly path: string; readonly remove: () => void } => {
  const parent = mkdtempSync(join(tmpdir(), 'mayfly-agent-'));
  return { path: join(parent, 'state'), remove: () => rmSync(parent, { recursive: true, force: true }) };
};

/** An agent's own SVID as if a server had given it. */
export const newOwnSvid = async (changes: Partial<OwnSvid> = {}): Promise<OwnSvid> => {
  const root = await newCa();
  const issuing = await newCa(root);
  const key = newKey();
  const spiffeId = 'spiffe://example.org/mayfly/agent/join_token/one';
  const plan = leafPlan(issuing, key, { spiffeId: spiffeId as never });
  const leaf = await issueLeaf(issuing, plan);
  return {
    spiffeId,
    serial: plan.serial,
    chain: [leaf, issuing.certificate.der],
    key: key.privateKey,
    notBefore: NOW - 10,
    notAfter: NOW + 3600,
    ...changes,
  };
};

import { readFileSync } from 'node:fs';
import { pinnedAnchor } from '../adapters/http-client/pinned-root.ts';
import { bundleAnchor } from '../agent/server-trust.ts';
import { Refusal } from '../domain/refusal.ts';
import type { TrustDomain } from '../domain/trust-domain.ts';
import type { Delays } from '../ports/timers.ts';
import type { TrustAnchor } from '../ports/trust-anchor.ts';
import type { AgentConfig } from './config.ts';

const bundleText = (file: string): string => {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new Refusal('unavailable', `the bundle ${file} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
};

const fileAnchor = (file: string, trustDomain: TrustDomain): TrustAnchor => {
  try {
    return bundleAnchor(bundleText(file), trustDomain);
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== 'invalid_request') throw error;
    throw new Refusal('invalid_request', `the bundle ${file} cannot be used: ${error.message}`);
  }
};

/** Learned trust is all there is: it does for an agent that has been here before. */
const NOTHING: TrustAnchor = {
  load: () =>
    Promise.reject(
      new Refusal(
        'unavailable',
        'nothing says which server to trust: set agent.trust.bundleFile or agent.trust.rootSha256',
      ),
    ),
};

/** What the operator configured to know the server by. Refuses with one sentence what cannot be read. */
export const trustAnchor = ({ trustDomain, agent }: AgentConfig, urls: readonly URL[], delays: Delays): TrustAnchor => {
  const { bundleFile, rootSha256 } = agent.trust;
  if (bundleFile !== undefined) return fileAnchor(bundleFile, trustDomain);
  return rootSha256 === undefined ? NOTHING : pinnedAnchor({ urls, trustDomain, fingerprint: rootSha256, delays });
};

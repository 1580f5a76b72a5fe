import type { KeyId } from '../../../domain/authority.ts';
import type { SyncBye } from '../../../formats/sync-message.ts';
import type { Issuer } from '../../../usecases/issuer.ts';
import { revocationSubject } from '../../../usecases/release.ts';
import type { AgentStream } from './agent-stream.ts';

type Reader = Pick<Issuer, 'follower'>;

const isRevoked = ({ follower }: Reader, id: KeyId): boolean => {
  const authority = follower.authority(id);
  if (authority === undefined) return false;
  return authority.state === 'revoked' || (authority.issuer !== undefined && isRevoked({ follower }, authority.issuer));
};

/** Why the agent of a stream is no longer who it was, if so: itself revoked, or the authority that vouched for it. */
export const voidReason = (issuer: Reader, { row }: Pick<AgentStream, 'row'>): SyncBye['reason'] | undefined => {
  const { revocations } = issuer.follower;
  if (revocations.killing(revocationSubject(row), row.index)) return 'revoked';
  return isRevoked(issuer, row.authority) ? 'expired' : undefined;
};

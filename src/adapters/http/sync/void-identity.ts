import { revocationSubject } from '../../../domain/revocation.ts';
import type { SyncBye } from '../../../formats/sync-message.ts';
import { isAuthorityRevoked } from '../../../usecases/credential-status.ts';
import type { Issuer } from '../../../usecases/issuer.ts';
import type { AgentStream } from './agent-stream.ts';

type Reader = Pick<Issuer, 'follower'>;

/** Why the credential with which an agent opened its stream is void: it was revoked, or the authority that signed it. */
export const voidReason = (issuer: Reader, { row }: Pick<AgentStream, 'row'>): SyncBye['reason'] | undefined => {
  const { revocations } = issuer.follower;
  if (revocations.killing(revocationSubject(row), row.index)) return 'revoked';
  return isAuthorityRevoked(issuer, row.authority) ? 'expired' : undefined;
};

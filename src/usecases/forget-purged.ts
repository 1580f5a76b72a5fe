import type { RecordId } from '../domain/record-id.ts';
import type { Issuer } from './issuer.ts';
import { inSlices, type StandAside } from './slices.ts';

/**
 * Lets a front end forget the revocations that retention has deleted; no change says that they are gone. One that still has
 * a row stays, whatever its age: rows never come back, so that what has none now hits nothing any more.
 */
export const forgetPurged = async (
  { follower, views }: Pick<Issuer, 'follower' | 'views'>,
  standAside: StandAside,
): Promise<void> => {
  const gone: RecordId[] = [];
  await inSlices(follower.revocations.all(), standAside, ({ id }) => {
    if (views.revocations.get(id) === undefined) gone.push(id);
  });
  follower.forget(gone);
};

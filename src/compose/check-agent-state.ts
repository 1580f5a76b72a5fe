import { lstatSync } from 'node:fs';
import { getuid } from 'node:process';
import { seenState } from '../adapters/agent-state/agent-state.ts';
import { SeenFolder } from '../adapters/agent-state/folder.ts';
import { systemClock } from '../adapters/system/clock.ts';
import type { AgentState, OwnSvid } from '../ports/agent-state.ts';
import type { AgentConfig } from './config.ts';
import { type Finding, look, wrong } from './finding.ts';
import { accessObstacle, TO_KEEP } from './folder-access.ts';

/** What a look at a state folder came to. */
export interface SeenAgent {
  readonly state: Pick<AgentState, 'svid' | 'trust'>;
  /** An agent that is running has the folder: it knows of itself what is not seen from here. */
  readonly isInUse: boolean;
  /** The user that the agent runs as: who has the folder; without one, who looks. */
  readonly user: number | undefined;
  readonly finding: Finding;
}

/** For what only the agent itself can tell. */
export const IN_USE = 'left to the agent that is running, which has the state folder';

/** Nothing is known of the folder: it is not there, or not to be used. */
const NO_STATE: SeenAgent['state'] = { svid: () => undefined, trust: () => undefined };

const until = ({ notAfter }: OwnSvid): string => new Date(notAfter * 1000).toISOString();

const identity = (svid: OwnSvid | undefined): string => {
  if (svid === undefined) return 'no identity yet';
  const ended = svid.notAfter * 1000 <= systemClock.now() ? 'ended' : 'good until';
  return `${svid.spiffeId}, ${ended} ${until(svid)}`;
};

/** What the folder holds; it is not made, nothing in it is changed, and an agent that runs keeps it. Root may look, too. */
export const seeState = async ({ agent: { stateDir } }: AgentConfig): Promise<SeenAgent> => {
  let state = NO_STATE;
  let isInUse = false;
  let user = getuid?.();
  const finding = await look('state folder', () => {
    if (lstatSync(stateDir, { throwIfNoEntry: false }) === undefined) {
      return `${stateDir} is not there yet; the start makes it`;
    }
    const folder = new SeenFolder(stateDir);
    isInUse = folder.isHeld();
    user = folder.owner;
    state = seenState(folder);
    const obstacle = isInUse ? undefined : accessObstacle(stateDir, folder.owner, TO_KEEP);
    if (obstacle !== undefined) return wrong(`the state folder ${stateDir} ${obstacle}`);
    const parts = [
      stateDir,
      ...(folder.owner === getuid?.() ? [] : [`of user ${folder.owner}`]),
      ...(isInUse ? ['in use by an agent that is running'] : []),
      identity(state.svid()),
    ];
    return parts.join(', ');
  });
  return { state, isInUse, user, finding };
};

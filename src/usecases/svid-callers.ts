import { Refusal } from '../domain/refusal.ts';
import type { Caller } from './authenticate-caller.ts';

/**
 * DEC-14: agents ask for entries under them and for themselves, agentless identities only for themselves. SVIDs that came
 * through an agent, and the server's own, never ask: a leaf stolen from a workload gets nothing more.
 */
export const checkMayAskForSvids = (caller: Caller, entryId: string | undefined): void => {
  if (caller.role === 'agent') return;
  if (caller.role === 'agentless' && entryId === undefined) return;
  throw new Refusal('forbidden', 'this identity may not ask for SVIDs here', {
    reason:
      caller.role === 'agentless'
        ? 'an agentless identity asks for its own ID only'
        : `a credential of role ${caller.role} never asks for SVIDs`,
  });
};

import { FreshSvids } from '../../src/agent/fresh-svids.ts';
import type { HeldSvid } from '../../src/agent/held-svid.ts';
import { InForce } from '../../src/agent/in-force.ts';
import { SyncedView } from '../../src/agent/synced-view.ts';
import { TrustBundles } from '../../src/agent/trust-bundles.ts';
import type { SpiffeId } from '../../src/domain/spiffe-id.ts';
import type { AgentServer } from '../../src/ports/agent-server.ts';
import type { AgentWorld } from './agent-world.ts';
import { eventually, type ManualTime } from './manual-time.ts';
import { silentLogger } from './silent-logger.ts';

/** SVIDs kept fresh, and the view that they are kept by. */
export interface SvidAgent {
  readonly view: SyncedView;
  readonly svids: FreshSvids;
  readonly changed: string[][];
  agent: SpiffeId | undefined;
  /** Tells what the server would tell now. */
  sync(): void;
  held(id: string): HeldSvid;
  come(...ids: string[]): Promise<void>;
}

export const newSvidAgent = (
  world: AgentWorld,
  time: ManualTime,
  options: { readonly maxHeld?: number; readonly server?: Pick<AgentServer, 'x509Svids'> } = {},
): SvidAgent => {
  const view = new SyncedView();
  const changed: string[][] = [];
  const { clock, delays } = time;
  const inForce = new InForce(view, clock, () => agent.agent);
  const svids = new FreshSvids({
    view,
    inForce,
    bundles: new TrustBundles(),
    server: options.server ?? world.server,
    clock,
    delays,
    entropy: world.it.ledger.entropy,
    logger: silentLogger,
    agent: () => agent.agent,
    changed: (ids) => changed.push([...ids].sort()),
    maxHeld: options.maxHeld ?? 100,
  });
  const agent: SvidAgent = {
    view,
    svids,
    changed,
    agent: world.agent,
    sync: () => {
      const { parts, cursor } = world.state();
      view.begin(true);
      for (const part of parts) view.tell(part);
      svids.update(view.commit(cursor));
    },
    held: (id) => {
      const held = svids.get(id);
      if (!held) throw new Error(`no SVID for ${id}`);
      return held;
    },
    come: (...ids) => eventually(() => ids.every((id) => svids.get(id) !== undefined)),
  };
  return agent;
};

// Many agents in one process. Says four times a second how they stand.
import { subscribe } from 'node:diagnostics_channel';
import { readFileSync } from 'node:fs';
import { systemTimers } from '../../../src/adapters/system/timers.ts';
import { bundleAnchor } from '../../../src/agent/server-trust.ts';
import { parseTrustDomain } from '../../../src/domain/trust-domain.ts';
import { herdAgent } from './agent.ts';
import { type Counts, type FleetSetup, type Pulse, PULSE_MS } from './pulse.ts';

const [, , file = ''] = process.argv;
const setup = JSON.parse(readFileSync(file, 'utf8')) as FleetSetup;

const counts: Counts = { connections: 0, calls: 0, items: 0, refused: {} };
subscribe('net.client.socket', () => {
  counts.connections += 1;
});

const trustDomain = parseTrustDomain(setup.trustDomain);
const anchor = bundleAnchor(setup.bundle, trustDomain);
const api = new URL(setup.api);
const agents = setup.agents.map((holder) => herdAgent({ trustDomain, api, anchor, counts, ...holder }));

for (const [at, agent] of agents.entries())
  systemTimers.after((at * setup.startMs) / agents.length, () => agent.start());

const count = (is: (agent: (typeof agents)[number]) => boolean): number => agents.filter(is).length;

setInterval(() => {
  const pulse: Pulse = {
    at: Date.now(),
    synced: count((agent) => agent.isSynced()),
    svids: agents.reduce((sum, agent) => sum + agent.svids(), 0),
    identified: count((agent) => agent.isIdentified()),
    renewed: count((agent) => agent.hasRenewed()),
    counts,
  };
  process.send?.(pulse);
}, PULSE_MS);
process.on('disconnect', () => process.exit(0));

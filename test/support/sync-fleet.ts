import { type Held, Journey, type JourneyOptions } from './journey.ts';
import { SyncClient, type SyncOptions } from './sync-client.ts';

export interface FollowedFleet {
  readonly journey: Journey;
  readonly agent: Held;
  /** An open feed; of the fleet's agent unless told. It is closed after the test. */
  readonly follow: (held?: Held, options?: SyncOptions) => Promise<SyncClient>;
  /** An entry under the fleet's agent. */
  readonly under: (id: string, more?: object) => Promise<void>;
}

/** A new server with one agent for each test of a file. */
export const followedFleet = (options: JourneyOptions = {}): FollowedFleet => {
  const open: SyncClient[] = [];
  let journey: Journey;
  let agent: Held;

  beforeEach(async () => {
    journey = await Journey.start(options);
    agent = await journey.attest({ agent: true });
  });

  afterEach(async () => {
    for (const client of open.splice(0)) client.close();
    await journey.stop();
  });

  return {
    get journey() {
      return journey;
    },
    get agent() {
      return agent;
    },
    follow: async (held = agent, more = {}) => {
      const client = await SyncClient.open(journey.server.ready.api, held, more);
      open.push(client);
      return client;
    },
    under: (id, more = {}) => journey.entry(id, { parentId: agent.spiffeId, ...more }),
  };
};

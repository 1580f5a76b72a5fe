import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { newStatePath } from './agent-folder.ts';
import type { Journey } from './journey.ts';
import type { TestTime } from './journey-time.ts';
import { type AgentOptions, journeyAnchor, startAgent, type TestAgent } from './own-agent.ts';

/** Agents of one journey's server, on its made-up time. */
export interface OwnAgents {
  readonly newPath: () => string;
  /** Starts one, and lets it do what is due; in a new folder unless told. */
  readonly start: (options?: Partial<AgentOptions>) => Promise<TestAgent>;
  readonly stop: (agent: TestAgent) => void;
  /** Ends those that run. */
  readonly stopAll: () => void;
  /** Removes the folders, too. */
  readonly close: () => void;
}

export const ownAgents = (journeyOf: () => Journey, { clock, timers }: TestTime): OwnAgents => {
  const running = new Set<TestAgent>();
  const paths: string[] = [];
  const newPath = (): string => {
    const { path } = newStatePath();
    paths.push(path);
    return path;
  };
  const stopAll = (): void => {
    for (const agent of running) agent.stop();
    running.clear();
  };
  return {
    newPath,
    start: async (options = {}) => {
      const urls = [new URL(journeyOf().server.ready.api)];
      const anchor = journeyAnchor(journeyOf());
      const agent = startAgent({ clock, timers, urls, anchor, ...options, path: options.path ?? newPath() });
      running.add(agent);
      agent.keeper.start();
      await agent.keeper.step();
      return agent;
    },
    stop: (agent) => {
      running.delete(agent);
      agent.stop();
    },
    stopAll,
    close: () => {
      stopAll();
      for (const path of paths) rmSync(dirname(path), { recursive: true, force: true });
    },
  };
};

/** As the default of a join token names it. */
export const idOf = (name: string): string => `spiffe://example.org/mayfly/agent/join_token/${name}`;

/** The server takes the agent's SVID, and says so. */
export const greets = async (agent: TestAgent): Promise<boolean> => {
  await agent.trust.ready();
  await agent.server.hello(undefined);
  return true;
};

import { setTimeout as pause } from 'node:timers/promises';
import { segment } from '../adapters/http-client/admin.ts';
import type { AdminApi } from '../adapters/http-client/admin.ts';
import { timeOfSeconds } from './output.ts';

/** What the server knows of agents and a revocation. */
interface Confirmations {
  readonly agents: number;
  readonly confirmed: number;
  readonly unconfirmed: readonly {
    readonly agent: string;
    readonly connected: boolean;
    readonly seen?: string;
    /** Unix seconds. */
    readonly until?: number;
  }[];
}

/** How waiting for agents ended. */
export interface Awaited extends Confirmations {
  readonly seconds: number;
}

const POLL_MS = 100;
const NAMED = 5;

/** Waits until all agents that a revocation has to reach have confirmed it, or the time is over. */
export const awaitAgents = async (api: AdminApi, revocation: string, seconds: number): Promise<Awaited> => {
  const start = performance.now();
  const path = `/v1/admin/revocations/${segment(revocation)}/confirmations`;
  for (;;) {
    const found = (await api.call({ method: 'GET', path })).body as Confirmations;
    const waited = (performance.now() - start) / 1000;
    if (found.confirmed >= found.agents || waited >= seconds) return { ...found, seconds: Number(waited.toFixed(1)) };
    await pause(Math.min(POLL_MS, (seconds - waited) * 1000));
  }
};

export const allConfirmed = ({ agents, confirmed }: Awaited): boolean => confirmed >= agents;

const worst = ({ agent, connected, until }: Confirmations['unconfirmed'][number]): string => {
  const what = connected ? 'has not confirmed' : 'unreachable';
  return `${agent} ${what}${until === undefined ? ', holds none of it' : `, at worst until ${timeOfSeconds(until)}`}`;
};

/** `998 of 1,000 agents confirmed in 0.4 s; … unreachable, at worst until …`. */
export const awaitedText = (awaited: Awaited): string => {
  const { agents, confirmed, unconfirmed, seconds } = awaited;
  if (agents === 0) return 'no agent is connected or holds any of it\n';
  const count = (number: number): string => number.toLocaleString('en-US');
  const named = unconfirmed.slice(0, NAMED).map(worst);
  const rest = agents - confirmed - named.length;
  const left = rest > 0 ? [...named, `and ${count(rest)} more`] : named;
  const head = `${count(confirmed)} of ${count(agents)} agents confirmed in ${seconds} s`;
  return `${[head, ...left].join('; ')}\n`;
};

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { start } from '../servers/foreign-server.ts';
import { ask } from './load.ts';

export interface Envoy {
  /** What its administration answers. */
  admin(path: string): Promise<string>;
  /** One counter or gauge, summed over everything whose name matches. */
  stat(name: RegExp): Promise<number>;
  stop(): Promise<void>;
}

/** Starts an Envoy, and waits until its main loop runs. Its listeners may still wait for their secrets. */
export const startEnvoy = async (program: string, folder: string, id: string, config: object): Promise<Envoy> => {
  const file = join(folder, `${id}.json`);
  writeFileSync(file, JSON.stringify(config));
  const { stop } = await start({
    command: [program, '--config-path', file, '--disable-hot-restart', '--concurrency', '1'],
    cwd: folder,
    ready: /starting main dispatch loop/,
  });
  const admin = async (path: string): Promise<string> => (await ask(join(folder, `${id}.admin.sock`), path)).text;
  return {
    admin,
    stop,
    stat: async (name) => {
      const stats = await admin('/stats?usedonly');
      return [...stats.matchAll(/^(?<key>\S+): (?<value>\d+)$/gm)]
        .filter(({ groups }) => name.test(groups?.['key'] ?? ''))
        .reduce((sum, { groups }) => sum + Number(groups?.['value']), 0);
    },
  };
};

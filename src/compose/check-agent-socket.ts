import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { closedToCallers } from './closed-to-callers.ts';
import { wrong } from './finding.ts';
import { accessObstacle, TO_WRITE } from './folder-access.ts';

/** What the system says to who connects; undefined when somebody answers. */
const knock = (path: string): Promise<string | undefined> => {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const socket = connect(path);
  socket.once('connect', () => {
    socket.destroy();
    resolve(undefined);
  });
  socket.once('error', ({ code, message }: NodeJS.ErrnoException) => resolve(code ?? message));
  return promise;
};

/**
 * Somebody who answers is an agent, this node's own as far as anyone can tell. Where nobody does, `user`, the agent's, has to be able
 * to make the socket.
 */
export const checkSocket = async (path: string, user: number | undefined): Promise<string> => {
  const closed = closedToCallers(path);
  if (closed !== undefined) {
    return wrong(
      `${path}: its callers cannot enter ${closed}, which is closed to others: name a folder of its own in agent.socket, or chmod 0755 that one if nothing else needs it closed, as a server's admin socket does`,
    );
  }
  const said = await knock(path);
  if (said === undefined) return `${path}, an agent answers`;
  const folder = dirname(path);
  const obstacle = existsSync(folder) ? accessObstacle(folder, user, TO_WRITE) : undefined;
  if (obstacle !== undefined) return wrong(`the folder of the socket, ${folder}, ${obstacle}`);
  if (said === 'ENOENT') return `${path} is not there yet; the start makes it`;
  if (said === 'ECONNREFUSED') return `${path}, left behind by an agent that ended`;
  return wrong(`${path} cannot be opened (${said})`);
};

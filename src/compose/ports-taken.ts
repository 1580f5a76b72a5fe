import { createServer } from 'node:net';
import { localAdminApi } from '../adapters/http-client/admin.ts';
import type { ListeningAt } from '../adapters/http/routes/admin-server.ts';
import type { Config } from './config.ts';

/** Where the server listens that answers on the admin socket; nothing when none does, or none that this user may ask. */
export const askRunning = async (socket: string): Promise<readonly ListeningAt[]> => {
  try {
    const { body } = await localAdminApi(socket).call({ method: 'GET', path: '/v1/admin/server' });
    return (body as { readonly listeners: readonly ListeningAt[] }).listeners;
  } catch {
    return [];
  }
};

/** Says that a start could listen there, or could once the server that runs has stopped. Rejects when someone else holds the port. */
export const checkPort = (
  { server }: Config,
  name: ListeningAt['name'],
  running: readonly ListeningAt[],
): Promise<string> => {
  const { address, port } = server[name];
  const own = running.some((each) => each.address === address && each.port === port);
  if (own) return Promise.resolve(`${address} port ${port}, open by the server that is running`);
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', (error: NodeJS.ErrnoException) => {
      const reason = error.code === 'EADDRINUSE' ? 'is taken' : `cannot be opened (${error.code})`;
      reject(new Error(`${address} port ${port} ${reason}`));
    });
    probe.listen({ host: address, port, exclusive: true }, () =>
      probe.close(() => resolve(port === 0 ? `${address}, any free port` : `${address} port ${port} is free`)),
    );
  });
};

import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';

/** A connection to `api` on which `first` was sent by hand, whatever it is; it may break off without failing the test. */
export const rawConnection = async (
  api: string,
  { cert, keyPem }: { readonly cert: string; readonly keyPem: string },
  first: string,
): Promise<TLSSocket> => {
  const { hostname, port } = new URL(api);
  const socket = connect({ host: hostname, port: Number(port), rejectUnauthorized: false, cert, key: keyPem });
  socket.on('error', () => undefined);
  await once(socket, 'secureConnect');
  socket.write(first);
  return socket;
};

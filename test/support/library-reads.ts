import { createServer, type IncomingHttpHeaders } from 'node:http';
import { Duplex } from 'node:stream';

export interface LibraryRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** A connection on which `octets` come, and nothing after them. */
class Coming extends Duplex {
  constructor(octets: Uint8Array) {
    super({ read: () => undefined, write: (_chunk, _encoding, written) => written() });
    this.push(octets);
    this.push(null);
  }
}

/** Each request that `node:http` reads in the octets of a connection, whole ones only, and whether there is anything else. */
export const libraryReads = async (
  octets: Uint8Array,
): Promise<{ readonly requests: readonly LibraryRequest[]; readonly isAll: boolean }> => {
  const requests: LibraryRequest[] = [];
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      requests.push({ method, url, headers, body: Buffer.concat(parts) });
      response.end();
    });
  });
  const connection = new Coming(octets);
  server.on('clientError', () => {
    connection.destroy();
    resolve(false);
  });
  connection.once('close', () => resolve(true));
  server.emit('connection', connection);
  const isAll = await promise;
  return { requests, isAll };
};

import { isDeepStrictEqual } from 'node:util';
import { readWhole } from '../../../src/adapters/http/whole-request.ts';
import { libraryReads } from '../../../test/support/library-reads.ts';
import { bytesMutator } from '../mutate.ts';
import { demand, octets, type Target } from '../target.ts';

const request = (lines: readonly string[], body: string): string =>
  ['POST /v1/svids/x509 HTTP/1.1', ...lines, '', body].join('\r\n');

const WORDS = (
  'POST|PRI|HTTP/1.0|http://a/|\r\n|\r\n\r\n|\n|\r|\t| |:|,|\0|' +
  'Transfer-Encoding: chunked|Content-Length: 3|Connection: close|Expect: 100-continue|Upgrade: h2c|Set-Cookie: a'
).split('|');

/** What we read ourselves of HTTP/1.1, the library has to read as the same. */
export const http1: Target = {
  seeds: octets(
    request(['Host: a', 'Content-Type: application/json', 'Content-Length: 2'], '{}'),
    request(['host:a:8443', 'user-agent:  x/1 (y) ', 'connection: keep-alive', 'content-length: 0'], ''),
    // Each way to divide the spaces was tried once: 24 ms.
    request(['Host: a', 'Content-Length: 0', `x:${' '.repeat(3900)}\x01`], ''),
    request(['Host: a', 'Content-Length: 12', 'Accept: */*', 'X-Empty:'], 'POST / HTTP/'),
  ),
  mutate: bytesMutator(WORDS),
  maxMs: 10,
  sources: ['adapters/http/whole-request.ts'],
  run: async (input) => {
    const found = readWhole(Buffer.from(input));
    if (found === undefined) return false;
    const { head, body } = found;
    const ours = { method: 'POST', url: head.target, headers: head.headers, body };
    const { requests, isAll } = await libraryReads(input);
    demand(isAll && requests.length === 1, 'the library reads another number of requests');
    demand(isDeepStrictEqual(requests[0], ours), 'the library reads another request');
    return true;
  },
};

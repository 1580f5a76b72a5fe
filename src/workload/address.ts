import { isIPv4, isIPv6 } from 'node:net';
import { WorkloadError } from './errors.ts';

export const ENDPOINT_VARIABLE = 'SPIFFE_ENDPOINT_SOCKET';

const invalid = (reason: string): WorkloadError =>
  new WorkloadError('invalid_address', `not the address of a Workload API: ${reason}`);

/** An absolute path as it stands in the URI; percent signs and everything that would end the path are refused. */
const unixTarget = (rest: string): string => {
  const path = rest.startsWith('//') ? rest.slice(2) : rest;
  if (rest.startsWith('//') && !path.startsWith('/')) throw invalid('a unix address has no authority');
  if (!path.startsWith('/')) throw invalid('a unix address has an absolute path');
  if (/[?#%\0]/.test(path)) throw invalid('a unix address has nothing but a plain path');
  return `unix:${path}`;
};

const tcpTarget = (rest: string): string => {
  const match = /^\/\/(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)):([0-9]{1,5})$/.exec(rest);
  const [, v6, v4, port = ''] = match ?? [];
  if (match === null || Number(port) < 1 || Number(port) > 65_535) {
    throw invalid('a tcp address has an IP address and a port, and nothing else');
  }
  if (v6 !== undefined && isIPv6(v6)) return `ipv6:[${v6}]:${port}`;
  if (v4 !== undefined && isIPv4(v4)) return `ipv4:${v4}:${port}`;
  throw invalid('the IP address of a tcp address is none');
};

/**
 * Where gRPC finds the Workload API at `address`: `unix:///run/agent.sock`, `unix:/run/agent.sock` or `tcp://127.0.0.1:8081`
 * (SPIFFE Workload Endpoint §4; WLE-9, WLE-10). Throws `invalid_address`, and `no_address` for none at all.
 */
export const grpcTarget = (address: string | undefined): string => {
  if (address === undefined || address === '') {
    throw new WorkloadError('no_address', `no address of a Workload API: set ${ENDPOINT_VARIABLE} or give one`);
  }
  const colon = address.indexOf(':');
  const rest = address.slice(colon + 1);
  switch (address.slice(0, Math.max(colon, 0)).toLowerCase()) {
    case 'unix':
      return unixTarget(rest);
    case 'tcp':
      return tcpTarget(rest);
    default:
      throw invalid('it starts with unix: or tcp:');
  }
};

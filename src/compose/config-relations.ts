import { isIP } from 'node:net';
import { relative, sep } from 'node:path';
import { isLoopback } from './loopback.ts';
import { formatDuration } from './config-values.ts';
import type { Config } from './config.ts';

/** A problem between keys of which each is right on its own. */
export interface RelationProblem {
  readonly path: readonly string[];
  readonly reason: string;
  readonly right: string;
  /** The other key of the relation, as text. */
  readonly with?: string;
}

const isInside = (folder: string, file: string): boolean => {
  const way = relative(folder, file);
  return way === '' || (way !== '..' && !way.startsWith(`..${sep}`));
};

/** The shortest `sun_path` of the supported systems, without its final zero. */
const MAX_SOCKET_PATH = 103;

const listeners = ({ server }: Config): readonly RelationProblem[] => {
  const problems: RelationProblem[] = [];
  const named = [
    { key: 'api', at: server.api },
    { key: 'public', at: server.public },
    { key: 'metrics', at: server.metrics },
  ];
  for (const [index, { key, at }] of named.entries()) {
    const earlier = named.slice(0, index).find((other) => at.port !== 0 && other.at.port === at.port);
    if (earlier !== undefined) {
      const reason = `is the port of server.${earlier.key} too`;
      problems.push({
        path: ['server', key, 'port'],
        reason,
        right: 'a port of its own',
        with: `server.${earlier.key}.port`,
      });
    }
  }
  if (!isLoopback(server.metrics.address)) {
    const right = isIP(server.metrics.address) === 6 ? '::1' : '127.0.0.1';
    problems.push({ path: ['server', 'metrics', 'address'], reason: 'is reachable from other machines', right });
  }
  if (Buffer.byteLength(server.admin.socket) > MAX_SOCKET_PATH) {
    const right = `a path of at most ${MAX_SOCKET_PATH} bytes`;
    problems.push({ path: ['server', 'admin', 'socket'], reason: 'is too long for a Unix socket', right });
  }
  return problems;
};

const lifetimes = ({ server: { ttl, session, retention } }: Config): readonly RelationProblem[] => {
  const problems: RelationProblem[] = [];
  const atLeast = (path: readonly string[], value: number, otherKey: string, other: number): void => {
    if (value >= other) return;
    const right = `at least ${formatDuration(other)}`;
    problems.push({ path, reason: `is shorter than ${otherKey} (${formatDuration(other)})`, right, with: otherKey });
  };
  atLeast(['server', 'session', 'agentless'], session.agentless, 'server.ttl.agentless', ttl.agentless);
  atLeast(['server', 'session', 'nodeKey'], session.nodeKey, 'server.ttl.agent', ttl.agent);
  atLeast(['server', 'retention', 'details'], retention.details, 'server.retention.hotRows', retention.hotRows);
  return problems;
};

const files = ({ server }: Config): readonly RelationProblem[] => {
  const problems: RelationProblem[] = [];
  const { kind, certFile, keyFile } = server.root;
  if (isInside(server.dataDir, server.sealKey)) {
    const right = 'a path outside it, so that a copy of the data is not a copy of the keys';
    problems.push({ path: ['server', 'sealKey'], reason: 'lies in the data folder', right, with: 'server.dataDir' });
  }
  const rootFiles = [
    { key: 'certFile', file: certFile, what: 'the certificate' },
    { key: 'keyFile', file: keyFile, what: 'the key' },
  ];
  for (const { key, file, what } of rootFiles) {
    const path = ['server', 'root', key];
    if (kind === 'files' && file === undefined) {
      const right = `${what} of the root, as kind is files`;
      problems.push({ path, reason: 'is missing', right, with: 'server.root.kind' });
    }
    if (kind !== 'files' && file !== undefined) {
      const right = 'kind: files with it, or no such key';
      problems.push({ path, reason: 'is never read', right, with: 'server.root.kind' });
    }
  }
  return problems;
};

const issuers = ({ attestors }: Config): readonly RelationProblem[] => {
  const all = attestors.oidc?.issuers ?? [];
  const problems: RelationProblem[] = [];
  for (const [index, issuer] of all.entries()) {
    const path = ['attestors', 'oidc', 'issuers', String(index)];
    for (const member of ['name', 'url'] as const) {
      if (all.slice(0, index).some((other) => other[member] === issuer[member])) {
        problems.push({
          path: [...path, member],
          reason: 'stands at an earlier issuer too',
          right: `each ${member} once`,
        });
      }
    }
    const fetched = issuer.caFile !== undefined ? 'caFile' : issuer.hosts.length > 0 ? 'hosts' : undefined;
    if (issuer.jwksFile !== undefined && fetched !== undefined) {
      problems.push({ path: [...path, fetched], reason: 'is never used', right: `either jwksFile or ${fetched}` });
    }
    if (issuer.ownerClaims !== undefined && !issuer.multiTenant) {
      problems.push({
        path: [...path, 'ownerClaims'],
        reason: 'is never used',
        right: 'multiTenant: true with it, or no such key',
      });
    }
  }
  return problems;
};

const agent = ({ agent: section }: Config): readonly RelationProblem[] => {
  if (section === undefined) return [];
  const problems: RelationProblem[] = [];
  const add = (key: string, reason: string, right: string, other?: string): void => {
    problems.push({ path: ['agent', ...key.split('.')], reason, right, ...(other !== undefined && { with: other }) });
  };
  const { trust, evidence, socket, metrics, cacheKey, stateDir, sds } = section;
  if (trust.bundleFile !== undefined && trust.rootSha256 !== undefined) {
    add('trust.rootSha256', 'stands beside agent.trust.bundleFile', 'one of the two', 'agent.trust.bundleFile');
  }
  const given = Object.entries(evidence).flatMap(([name, value]) => (value === undefined ? [] : [name]));
  for (const name of given.slice(1)) {
    add(`evidence.${name}`, `stands beside agent.evidence.${given[0]}`, 'one of them', `agent.evidence.${given[0]}`);
  }
  const names = ['svidName', 'bundleName', 'allBundlesName'] as const;
  for (const [at, name] of names.entries()) {
    const earlier = names.slice(0, at).find((other) => sds[other] === sds[name]);
    if (earlier !== undefined)
      add(`sds.${name}`, `is agent.sds.${earlier} too`, 'a name of its own', `agent.sds.${earlier}`);
    if (sds[name].startsWith('spiffe://')) add(`sds.${name}`, 'is a SPIFFE ID', 'a name that no identity has');
  }
  if (Buffer.byteLength(socket) > MAX_SOCKET_PATH) {
    add('socket', 'is too long for a Unix socket', `a path of at most ${MAX_SOCKET_PATH} bytes`);
  }
  if (!isLoopback(metrics.address)) {
    add('metrics.address', 'is reachable from other machines', isIP(metrics.address) === 6 ? '::1' : '127.0.0.1');
  }
  if (cacheKey !== undefined && isInside(stateDir, cacheKey)) {
    add('cacheKey', 'lies in the state folder', 'a path outside it', 'agent.stateDir');
  }
  return problems;
};

/** All problems between keys. */
export const relationProblems = (config: Config): readonly RelationProblem[] => [
  ...listeners(config),
  ...lifetimes(config),
  ...files(config),
  ...issuers(config),
  ...agent(config),
];

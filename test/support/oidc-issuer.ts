import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { exportJWK, type JWK, SignJWT } from 'jose';
import { encodePem } from '../../src/formats/pem.ts';
import { issueLeaf, leafPlan, newCa, newKey, NOW } from './x509.ts';
import type { TestKey } from './jwt-keys.ts';

/** Long enough for whatever the clock of the machine says: TLS asks that one. */
const LIFE = { notBefore: 1_577_836_800, notAfter: 2_493_072_000 };

/** What the issuer answers at a path: a JSON value, or a whole answer. */
type Page = () => { readonly status?: number; readonly headers?: Record<string, string>; readonly body: unknown };

export interface OidcIssuerServer {
  /** `https://localhost:<port>`. */
  readonly url: string;
  readonly host: string;
  /** PEM. */
  readonly ca: string;
  /** Connections so far, also those that came to nothing. */
  connections(): number;
  /** Requests so far, by path. */
  requests(path: string): number;
  /** What stands at a path from now on. */
  page(path: string, page: Page): void;
  /** The keys that it publishes from now on. */
  publish(...keys: readonly TestKey[]): Promise<void>;
  close(): Promise<void>;
}

const certificate = async () => {
  const ca = await newCa(undefined, newKey(), LIFE);
  const key = newKey();
  const ipAddresses = ['127.0.0.1'];
  const leaf = await issueLeaf(ca, leafPlan(ca, key, { ...LIFE, dnsNames: ['localhost'], ipAddresses }));
  return {
    ca: encodePem('CERTIFICATE', ca.certificate.der),
    cert: encodePem('CERTIFICATE', leaf),
    key: key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
};

const jwkOf = async ({ publicKey, kid, alg }: TestKey): Promise<JWK> => ({
  ...(await exportJWK(publicKey)),
  kid,
  alg,
  use: 'sig',
});

/** An OpenID Connect issuer on loopback, with discovery and a key set, as CI systems and clusters have one. */
export const startOidcIssuer = async (): Promise<OidcIssuerServer> => {
  const { ca, cert, key } = await certificate();
  const pages = new Map<string, Page>();
  const requests = new Map<string, number>();
  let connections = 0;
  const server = createServer({ cert, key }, (request, response) => {
    const path = request.url ?? '';
    requests.set(path, (requests.get(path) ?? 0) + 1);
    const { status = 200, headers = {}, body } = pages.get(path)?.() ?? { status: 404, body: {} };
    response.writeHead(status, { 'content-type': 'application/json', connection: 'close', ...headers });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  });
  server.on('connection', () => {
    connections += 1;
  });
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const host = `localhost:${(server.address() as AddressInfo).port}`;
  const url = `https://${host}`;
  pages.set('/.well-known/openid-configuration', () => ({ body: { issuer: url, jwks_uri: `${url}/keys` } }));
  return {
    url,
    host,
    ca,
    connections: () => connections,
    requests: (path) => requests.get(path) ?? 0,
    page: (path, page) => pages.set(path, page),
    publish: async (...keys) => {
      const body = { keys: await Promise.all(keys.map(jwkOf)) };
      pages.set('/keys', () => ({ body }));
    },
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
};

/** A token as an honest issuer signs it, five minutes long from `NOW`; `claims` replaces what it says. */
export const oidcToken = async (
  key: TestKey,
  issuer: string,
  claims: Readonly<Record<string, unknown>>,
  header: Readonly<Record<string, unknown>> = {},
): Promise<string> =>
  new SignJWT({
    iss: issuer,
    aud: 'spiffe://example.org',
    sub: 'someone',
    iat: NOW,
    nbf: NOW,
    exp: NOW + 300,
    jti: `${++tokens}`,
    ...claims,
  })
    .setProtectedHeader({ alg: key.alg, kid: key.kid, typ: 'JWT', ...header })
    .sign(key.privateKey);

let tokens = 0;

/** Claims in the shape of each platform's tokens, as their documentation shows them. */
export const GITHUB_CLAIMS = {
  sub: 'repo:acme/payments:environment:production',
  environment: 'production',
  ref: 'refs/heads/main',
  ref_type: 'branch',
  sha: '3f2b1c0d9e8f7a6b5c4d3e2f1a0b9c8d7e6f5a4b',
  repository: 'acme/payments',
  repository_id: '74',
  repository_owner: 'acme',
  repository_owner_id: '65',
  repository_visibility: 'private',
  run_id: '9001',
  run_attempt: '1',
  runner_environment: 'github-hosted',
  actor: 'maria',
  actor_id: '12',
  workflow: 'deploy',
  workflow_ref: 'acme/payments/.github/workflows/deploy.yml@refs/heads/main',
  job_workflow_ref: 'acme/ci/.github/workflows/release.yml@refs/heads/main',
  event_name: 'workflow_dispatch',
};

export const GITLAB_CLAIMS = {
  sub: 'project_path:acme/payments:ref_type:branch:ref:main',
  namespace_id: '72',
  namespace_path: 'acme',
  project_id: '20',
  project_path: 'acme/payments',
  user_id: '1',
  user_login: 'maria',
  user_email: 'maria@acme.example',
  pipeline_id: '574',
  pipeline_source: 'push',
  job_id: '302',
  ref: 'main',
  ref_type: 'branch',
  ref_protected: 'true',
  runner_id: 1,
  runner_environment: 'self-hosted',
  ci_config_ref_uri: 'gitlab.example/acme/payments//.gitlab-ci.yml@refs/heads/main',
};

export const KUBERNETES_CLAIMS = {
  aud: ['spiffe://example.org'],
  sub: 'system:serviceaccount:shop:payments',
  'kubernetes.io': {
    namespace: 'shop',
    node: { name: 'node-1', uid: '646e7c5e-32d6-4d42-9dbd-e504e6cbe6b1' },
    pod: { name: 'payments-5bdf8', uid: '5e0bd49b-f040-43b0-99b7-22765a53f7f3' },
    serviceaccount: { name: 'payments', uid: '14ee3fa4-a7e2-420f-9f9a-dbc4507c3798' },
    warnafter: NOW + 200,
  },
};

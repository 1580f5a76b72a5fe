import { decodeJwt, jwtVerify } from 'jose';
import type { JoinToken } from './admin.ts';
import { APP, AUDIENCE, ORDERS, READ, WRITE } from './cast.ts';
import { describeJwt, describeX509, placeText } from './describe.ts';
import { discover, publishedKeys } from './published-keys.ts';
import type { Metadata } from './published-keys.ts';
import type { Reporter } from './reporter.ts';
import type { Stage } from './stage.ts';
import { LEGEND } from './timeline.ts';
import { Unexpected } from '../shared/request.ts';
import { verifyX509 } from './verify-x509.ts';
import { Workload } from './workload.ts';

const attest = (reporter: Reporter, { api }: Stage, { token }: JoinToken): Promise<Workload> => {
  const app = new Workload(api);
  return reporter
    .step({
      name: 'x509-svid',
      title: 'The caller attests and gets an X.509-SVID',
      byHand: `POST ${api.url}/v1/attest   {type: "join_token", evidence: {token}, csr}`,
      run: () => app.attest(token),
      tell: (svid) => {
        if (svid.spiffeId !== APP.spiffeId)
          throw new Unexpected(`the identity is ${svid.spiffeId}, not ${APP.spiffeId}`);
        const { facts, lines } = describeX509(svid);
        return { facts, lines: [...lines, ['', LEGEND]] };
      },
    })
    .then(() => app);
};

const verifySvid = (reporter: Reporter, { ready, bundle, folder }: Stage, app: Workload): Promise<unknown> =>
  reporter.step({
    name: 'verify-x509-svid',
    title: 'Someone else’s tool looks at it',
    byHand: '$ openssl verify -x509_strict -CAfile bundle.pem -untrusted intermediates.pem leaf.pem',
    run: () => verifyX509(app.tls().chain, { path: ready.bundleFile, pem: bundle }, folder),
    tell: ({ tool, said }) => ({ facts: { tool, said }, lines: [['says', `${said} (${tool})`]] }),
  });

const obtainJwtSvid = (reporter: Reporter, { api }: Stage, app: Workload): Promise<string> =>
  reporter
    .step({
      name: 'jwt-svid',
      title: 'With it, the caller gets a JWT-SVID for one audience',
      byHand: `POST ${api.url}/v1/svids/jwt   {items: [{audience: ["${AUDIENCE}"]}]}`,
      run: () => app.jwtSvid(AUDIENCE),
      tell: ({ token, ledger }) => describeJwt(token, ledger),
    })
    .then(({ token }) => token);

const verifyJwtSvid = (reporter: Reporter, { publicListener }: Stage, token: string): Promise<unknown> =>
  reporter.step({
    name: 'verify-jwt-svid',
    title: 'jose verifies it with the published keys',
    byHand: `GET ${publicListener.url}/.well-known/openid-configuration, then its jwks_uri`,
    run: async () => {
      const metadata = await discover(publicListener, '/.well-known/openid-configuration');
      const keys = publishedKeys(publicListener, metadata);
      await jwtVerify(token, keys, { issuer: metadata.issuer, audience: AUDIENCE, algorithms: ['ES256'] });
      return metadata;
    },
    tell: ({ issuer, jwks_uri: keys }) => ({
      facts: { tool: 'jose', issuer, keys },
      lines: [
        ['says', 'signature, issuer, audience and time are good (jose)'],
        ['keys', keys],
      ],
    }),
  });

const tokenRequest = (endpoint: string, scope: string): string =>
  `POST ${endpoint}\n    grant_type=client_credentials&scope=${scope}&resource=${ORDERS.resource}`;

const obtainAccessToken = (reporter: Reporter, { admin }: Stage, app: Workload, endpoint: string): Promise<string> =>
  reporter
    .step({
      name: 'access-token',
      title: 'A narrow access token: one API, one scope, one holder',
      byHand: tokenRequest(endpoint, READ),
      run: () => app.accessToken(endpoint, ORDERS.resource, READ),
      tell: async ({ access_token: token, scope }) => {
        const { place } = await admin.explain(decodeJwt(token).jti ?? '');
        const { epoch, index } = place;
        return describeJwt(token, { epoch, index }, { scope });
      },
    })
    .then(({ access_token: token }) => token);

const verifyAccessToken = (reporter: Reporter, stage: Stage, metadata: Metadata, token: string): Promise<unknown> =>
  reporter.step({
    name: 'verify-access-token',
    title: 'jose verifies that one too, with keys of another issuer',
    byHand: `GET ${stage.publicListener.url}/.well-known/oauth-authorization-server/oauth2, then its jwks_uri`,
    run: () =>
      jwtVerify(token, publishedKeys(stage.publicListener, metadata), {
        issuer: metadata.issuer,
        audience: ORDERS.resource,
        typ: 'at+jwt',
        algorithms: ['ES256'],
      }),
    tell: () => ({
      facts: { tool: 'jose', issuer: metadata.issuer, keys: metadata.jwks_uri },
      lines: [
        ['says', 'type, signature, issuer, audience and time are good (jose)'],
        ['keys', metadata.jwks_uri],
      ],
    }),
  });

const askForMore = (reporter: Reporter, { admin }: Stage, app: Workload, endpoint: string): Promise<unknown> =>
  reporter.step({
    name: 'scope-not-granted',
    title: 'It asks for more than it was granted, and gets nothing',
    byHand: tokenRequest(endpoint, WRITE),
    run: () => app.requestToken(endpoint, ORDERS.resource, WRITE),
    tell: async ({ status, text, headers }) => {
      const { error, error_description: description } = JSON.parse(text) as Record<string, string>;
      if (status !== 400 || error !== 'invalid_scope') {
        throw new Unexpected(
          `a scope that is not granted has to be refused with invalid_scope, not HTTP ${status} ${text}`,
        );
      }
      const decision = String(headers['mayfly-decision']);
      const { place } = await admin.explain(decision);
      return {
        facts: { status, error, description, decision, ledger: { epoch: place.epoch, index: place.index } },
        lines: [
          ['refused', `${error}: ${description}`],
          ['on record', `${placeText(place)}: refusals are decisions too`],
        ],
      };
    },
  });

export interface Obtained {
  readonly app: Workload;
  /** Metadata of the issuer of access tokens. */
  readonly metadata: Metadata;
  readonly tokenEndpoint: string;
  readonly accessToken: string;
}

/** From a one-time token to everything that the caller may hold. */
export const obtain = async (reporter: Reporter, stage: Stage, joinToken: JoinToken): Promise<Obtained> => {
  const app = await attest(reporter, stage, joinToken);
  await verifySvid(reporter, stage, app);
  await verifyJwtSvid(reporter, stage, await obtainJwtSvid(reporter, stage, app));
  const metadata = await discover(stage.publicListener, '/.well-known/oauth-authorization-server/oauth2');
  const tokenEndpoint = metadata.mtls_endpoint_aliases?.token_endpoint;
  if (tokenEndpoint === undefined) throw new Unexpected('the metadata names no token endpoint for mTLS');
  const accessToken = await obtainAccessToken(reporter, stage, app, tokenEndpoint);
  await verifyAccessToken(reporter, stage, metadata, accessToken);
  await askForMore(reporter, stage, app, tokenEndpoint);
  return { app, metadata, tokenEndpoint, accessToken };
};

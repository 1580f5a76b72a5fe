import { z } from 'zod';
import { isSelectorName } from '../domain/oidc-selectors.ts';
import { Refusal } from '../domain/refusal.ts';
import { trustDomainProblem } from '../domain/trust-domain.ts';
import type { TrustDomain } from '../domain/trust-domain.ts';
import { agentSection } from './config-agent.ts';
import {
  address,
  duration,
  httpsUrl,
  issuerUrl,
  path,
  port,
  secretReference,
  textValue,
  whole,
} from './config-values.ts';
import type { ConfigPlace } from './config-values.ts';

const selectorName = (form: string) =>
  textValue(form, (raw) => {
    if (!isSelectorName(raw)) throw new Refusal('invalid_request', 'holds a character that a selector cannot carry');
    return raw;
  });

const yesOrNo = () => z.boolean().default(false).meta({ form: 'true or false' });

const listener = (defaultAddress: string, defaultPort: number) => ({
  address: address().prefault(defaultAddress).describe('The address that it listens on.'),
  port: port().default(defaultPort).describe('The port that it listens on.'),
});

const publicListener = (place: ConfigPlace) =>
  z.strictObject({
    ...listener('0.0.0.0', 8444),
    url: httpsUrl()
      .optional()
      .describe(
        'How relying parties reach this listener. It becomes the issuer of tokens; without it JWT-SVIDs carry no `iss` and there is no discovery document.',
      ),
    certificate: z
      .strictObject({
        certFile: path(place).describe('The chain in PEM, leaf first.'),
        keyFile: secretReference(place).describe('The private key in PEM.'),
      })
      .optional()
      .describe(
        'A web PKI certificate. Without it the listener shows a certificate under the root of the trust domain.',
      ),
  });

const ttl = () =>
  z.strictObject({
    x509: duration('5m', '24h').prefault('1h').describe('Life of an X.509-SVID, unless its entry says otherwise.'),
    jwt: duration('1m', '24h').prefault('5m').describe('Life of a JWT-SVID, unless its entry says otherwise.'),
    agent: duration('5m', '24h').prefault('24h').describe('Life of the identity of an agent.'),
    agentless: duration('5m', '24h').prefault('10m').describe('Life of the X.509-SVID of a workload without an agent.'),
    token: duration('1m', '1h').prefault('5m').describe('Life of an access token, unless grant or scope say less.'),
  });

const session = () =>
  z.strictObject({
    agentless: duration('5m', '7d')
      .prefault('24h')
      .describe('How long a workload without an agent may renew before it has to attest again.'),
    nodeKey: duration('1h', '90d')
      .prefault('30d')
      .describe('How long an agent that was away may come back with the node key it attested with.'),
  });

const limits = () =>
  z.strictObject({
    attestPerSource: whole(1, 100_000).default(10).describe('Attestations per second from one network address.'),
    signPerWorkload: whole(1, 100_000)
      .default(50)
      .describe('Signatures per second for one workload, and as many validations.'),
    signPerAgent: whole(1, 1_000_000)
      .default(500)
      .describe('Signatures per second for one agent, and as many validations.'),
    connections: whole(1, 1_000_000)
      .default(10_000)
      .describe(
        'Open connections at `api`, and as many at `public`, of one front end. Beyond it the one that is missed least is closed: the oldest that never asked anything, then the one that asked longest ago. Fewer where the limit of open files leaves less room, of which `api` has three quarters.',
      ),
  });

const retention = () =>
  z.strictObject({
    hotRows: duration('1d', '400d')
      .prefault('7d')
      .describe(
        'How long the row of a credential stays after the credential expired; that of an agent not less than `server.session.nodeKey`.',
      ),
    details: duration('1d', '3650d')
      .prefault('400d')
      .describe(
        'How long the erasable details of a fact stay, settled when it is recorded. The fact itself stays in the log.',
      ),
  });

const names = () =>
  z.strictObject({
    commonNames: z
      .array(z.string().min(1).max(64))
      .default([])
      .describe('Common names that entries may ask for; `*` stands for one or more characters. None by default.'),
    dnsNames: z
      .array(z.string().min(1).max(253))
      .default([])
      .describe('DNS names that entries may ask for; `*` stands for one or more characters. None by default.'),
  });

const tokens = () =>
  z.strictObject({
    rs256: yesOrNo().describe(
      'Keys for RS256 beside those for ES256, for verifiers that read nothing else. Resources may then name it as their algorithm.',
    ),
  });

const root = (place: ConfigPlace) =>
  z.strictObject({
    kind: z
      .enum(['generated', 'files', 'offline'])
      .default('generated')
      .describe(
        'Where the root is from. `generated`: made and sealed here. `files`: brought along, certificate and key. `offline`: its key stays away; `mayfly authority csr` and `install` carry requests to it and certificates back.',
      ),
    certFile: path(place).optional().describe('The certificate of the root in PEM, for `files`.'),
    keyFile: secretReference(place).optional().describe('The private key of the root in PEM, for `files`.'),
  });

const server = (place: ConfigPlace) =>
  z.strictObject({
    dataDir: path(place).prefault('/var/lib/mayfly').describe('The folder of the store. Only the server may read it.'),
    api: z
      .strictObject({
        ...listener('0.0.0.0', 8443),
        url: httpsUrl()
          .optional()
          .describe('How clients reach this listener, as metadata tells them. Its own address and port unless told.'),
      })
      .prefault({})
      .describe('The listener that agents and workloads attest and renew at.'),
    public: publicListener(place)
      .prefault({})
      .describe('The listener for relying parties: bundle, key sets, token endpoint.'),
    admin: z
      .strictObject({
        socket: path(place).prefault('/run/mayfly/admin.sock').describe('The Unix socket of the command line.'),
      })
      .prefault({})
      .describe('Local administration.'),
    metrics: z
      .strictObject(listener('127.0.0.1', 9464))
      .prefault({})
      .describe('Probes and metrics in Prometheus form. Loopback only.'),
    frontEnds: whole(1, 64).optional().describe('Threads that serve requests. One for each core unless told.'),
    sealKey: secretReference(place)
      .prefault('/etc/mayfly/seal.key')
      .describe('The key that seals private keys at rest. It may not lie in the data folder.'),
    headFile: path(place)
      .optional()
      .describe(
        'Where the server notes every second how far its log has come, to notice a store from the past. `head.json` in the data folder unless told; another disk is better.',
      ),
    ttl: ttl().prefault({}).describe('How long credentials live.'),
    session: session().prefault({}).describe('How long renewal goes on.'),
    backdate: duration('0s', '60s')
      .prefault('10s')
      .describe('How far `notBefore` lies back, for clocks that run behind.'),
    limits: limits().prefault({}).describe('Rates and sizes.'),
    retention: retention().prefault({}).describe('What is kept for how long.'),
    tokens: tokens().prefault({}).describe('How JWT-SVIDs and access tokens are signed.'),
    names: names().prefault({}).describe('Names beside the SPIFFE ID that certificates may carry.'),
    root: root(place).prefault({}).describe('The root of the trust domain.'),
  });

const claimPath = () =>
  z
    .union([
      z
        .string()
        .min(1)
        .transform((name) => [name]),
      z.array(z.string().min(1)).min(1).max(8),
    ])
    .meta({
      form: 'the name of a claim, or the list of names that leads to it',
    });

const oidcIssuer = (place: ConfigPlace) =>
  z.strictObject({
    name: selectorName('a short name of letters, digits, ".", "-", "_" and "/"').describe(
      'Its name in selectors: `oidc:<name>:<claim>:<value>`.',
    ),
    url: issuerUrl().describe('The issuer, exactly as it stands in `iss`.'),
    audiences: z
      .array(z.string().min(1))
      .min(1)
      .optional()
      .describe('Audiences that a token may name. `spiffe://<trust domain>` unless told.'),
    claims: z
      .record(selectorName('a name for a selector'), claimPath())
      .optional()
      .meta({ form: 'names of selectors, each with the name of a claim or the list of names that leads to it' })
      .describe(
        'Which claims become selectors, by the name that they get. A built-in list for GitHub, GitLab and Kubernetes unless told.',
      ),
    multiTenant: yesOrNo().describe(
      'Anyone in the world can get a token from it, as with GitHub: entries have to pin the id of an owner.',
    ),
    ownerClaims: z
      .array(z.string().min(1))
      .min(1)
      .optional()
      .describe('The claims that name an owner for good. `repository_owner_id`, `namespace_id` and `tid` unless told.'),
    jwksFile: path(place).optional().describe('A key set in a file; then nothing is fetched.'),
    hosts: z
      .array(z.string().min(1).max(300))
      .default([])
      .meta({ form: 'a list of hosts, each with a port or without' })
      .describe('Hosts beside that of `url` that its key set may lie on.'),
    agents: yesOrNo().describe('Its tokens may attest agents too.'),
    caFile: path(place)
      .optional()
      .describe('Certificates in PEM that its server is checked against, in place of the well-known ones.'),
    private: yesOrNo().describe('Its address may be a private one.'),
  });

const attestors = (place: ConfigPlace) =>
  z.strictObject({
    x509pop: z
      .strictObject({
        caFiles: z.array(path(place)).min(1).describe('Files with the certificates in PEM that evidence may lead to.'),
      })
      .optional()
      .describe('Attestation with a certificate from another authority.'),
    oidc: z
      .strictObject({ issuers: z.array(oidcIssuer(place)).min(1).describe('The issuers that are believed.') })
      .optional()
      .describe('Attestation with a token of an OpenID provider: CI systems, Kubernetes, clouds.'),
  });

/** The configuration as it is written. Every key but the trust domain has a default or may be left out. */
export const configSchema = (place: ConfigPlace) =>
  z.strictObject({
    trustDomain: textValue(
      'a name of lower-case letters, digits, ".", "-" and "_", like example.org',
      (raw): TrustDomain => {
        if (trustDomainProblem(raw) !== undefined)
          throw new Refusal('invalid_request', 'is not the name of a trust domain');
        return raw as TrustDomain;
      },
    ).describe('The name of the trust domain. It can never be changed later.'),
    server: server(place).prefault({}).describe('The server.'),
    attestors: attestors(place)
      .prefault({})
      .describe('How callers prove what they are, beside join tokens and node keys.'),
    agent: agentSection(place).optional().describe('The agent of a node. Only `mayfly agent` reads it.'),
  });

export type ConfigSchema = ReturnType<typeof configSchema>;

import { z } from 'zod';
import { Refusal } from '../domain/refusal.ts';
import { address, duration, httpsUrl, path, port, secretReference, textValue, whole } from './config-values.ts';
import type { ConfigPlace } from './config-values.ts';

const FINGERPRINT = /^[0-9a-f]{64}$/;

const rootFingerprint = () =>
  textValue('the SHA-256 of the root certificate: 64 hexadecimal digits, with colons or without', (raw) => {
    const digits = raw.replaceAll(':', '').toLowerCase();
    if (!FINGERPRINT.test(digits)) throw new Refusal('invalid_request', 'is not a SHA-256 fingerprint');
    return digits;
  });

const octal = () =>
  textValue('an octal mode, like 0666', (raw) => {
    if (!/^0?[0-7]{3}$/.test(raw)) throw new Refusal('invalid_request', 'is not a mode');
    return Number.parseInt(raw, 8);
  });

const trust = (place: ConfigPlace) =>
  z.strictObject({
    bundleFile: path(place)
      .optional()
      .describe('The bundle of the trust domain, PEM or SPIFFE JSON, brought here in a way that can be trusted.'),
    rootSha256: rootFingerprint()
      .optional()
      .describe('The fingerprint of its root instead: the bundle is fetched, and counts when it holds that root.'),
  });

const evidence = (place: ConfigPlace) =>
  z.strictObject({
    joinTokenFile: secretReference(place)
      .optional()
      .describe('A file with a join token. Read when the agent attests: at its first start, and after it was evicted.'),
    x509pop: z
      .strictObject({
        certFile: path(place).describe('The chain in PEM, leaf first.'),
        keyFile: secretReference(place).describe('The private key in PEM.'),
      })
      .optional()
      .describe('A certificate from another authority that the server trusts for this.'),
    oidcTokenFile: secretReference(place)
      .optional()
      .describe('A file with an OIDC token, such as a projected Kubernetes service account. Read anew each time.'),
  });

const unix = () =>
  z.strictObject({
    maxBinaryMegabytes: whole(1, 4096)
      .default(512)
      .describe('Binaries above this size are not hashed: they have no `unix:sha256` selector.'),
  });

const docker = (place: ConfigPlace) =>
  z.strictObject({
    socket: path(place).prefault('/var/run/docker.sock').describe('The API of the container engine.'),
  });

const k8s = (place: ConfigPlace) =>
  z.strictObject({
    kubelet: httpsUrl().prefault('https://127.0.0.1:10250').describe('The API of the kubelet.'),
    tokenFile: secretReference(place)
      .prefault('/var/run/secrets/kubernetes.io/serviceaccount/token')
      .describe('The token that the kubelet asks for. Read anew each time.'),
    caFile: path(place)
      .prefault('/var/run/secrets/kubernetes.io/serviceaccount/ca.crt')
      .describe('The certificates in PEM that the kubelet is checked against.'),
    serverName: z
      .string()
      .min(1)
      .max(253)
      .optional()
      .describe('The name in the kubelet’s certificate, usually that of the node, where the URL has an address.'),
  });

const attestors = (place: ConfigPlace) =>
  z.strictObject({
    unix: unix().prefault({}).describe('Users, groups and binaries, from the kernel. Always on.'),
    systemd: z.boolean().default(true).meta({ form: 'true or false' }).describe('Units of systemd.'),
    docker: docker(place).optional().describe('Containers of Docker, and of engines with the same API.'),
    k8s: k8s(place).optional().describe('Pods of Kubernetes.'),
  });

const sds = () =>
  z.strictObject({
    svidName: z.string().min(1).default('default').describe('The secret that is the caller’s default X.509-SVID.'),
    bundleName: z.string().min(1).default('ROOTCA').describe('The secret that is the bundle of the trust domain.'),
    allBundlesName: z
      .string()
      .min(1)
      .default('ALL')
      .describe('The secret that is the bundles of all trust domains of the caller.'),
    spiffeValidator: z
      .boolean()
      .default(true)
      .meta({ form: 'true or false' })
      .describe('Bundles come as configuration of Envoy’s SPIFFE validator; otherwise as plain roots.'),
  });

const limits = () =>
  z.strictObject({
    connections: whole(1, 1_000_000)
      .default(10_000)
      .describe(
        'Open connections at the socket, a sixteenth of them kept for root. Fewer where the limit of open files leaves less room.',
      ),
    connectionsPerUser: whole(1, 1_000_000)
      .default(2048)
      .describe('Of these, by processes of one user; root is one too. Further ones are closed at once.'),
  });

/** What `mayfly agent run` is told. */
export const agentSection = (place: ConfigPlace) =>
  z.strictObject({
    server: textValue('https URLs of the servers’ `api`, with commas between them', (raw) => {
      const urls = raw.split(',').map((each) => httpsUrl().safeParse(each.trim()));
      return urls.map((each) => {
        if (!each.success) {
          throw new Refusal('invalid_request', each.error.issues[0]?.message ?? 'is not a URL');
        }
        return each.data;
      });
    }).describe('Where the server is. Several are tried in turn.'),
    stateDir: path(place)
      .prefault('/var/lib/mayfly-agent')
      .describe('The folder of its keys and of what it remembers. Only the agent may read it.'),
    trust: trust(place).prefault({}).describe('How the server is known at the very first start. One of the two.'),
    evidence: evidence(place)
      .prefault({})
      .describe('What the agent proves itself with at the first start. One of them.'),
    socket: path(place)
      .prefault('/run/mayfly/workload.sock')
      .describe('The Unix socket of the Workload API and of Envoy SDS.'),
    socketMode: octal()
      .prefault('0666')
      .describe('Who may connect. Anyone unless told: what a caller gets is settled by attestation.'),
    attestors: attestors(place).prefault({}).describe('How callers of the socket are known.'),
    sds: sds().prefault({}).describe('Envoy SDS.'),
    maxOffline: duration('1m', '24h')
      .optional()
      .describe(
        'How long it goes on without word from the server. The life of X.509-SVIDs unless told; from then on it serves nothing.',
      ),
    preSigned: whole(0, 100_000)
      .default(1000)
      .describe('For how many entries X.509-SVIDs are held ready before anyone asks; the others get theirs on demand.'),
    cacheKey: secretReference(place)
      .optional()
      .describe(
        'A key of 32 octets that seals what it holds on disk, so that it serves after a restart without a server. Nothing is kept without it. It may not lie in the state folder.',
      ),
    metrics: z
      .strictObject({
        address: address().prefault('127.0.0.1').describe('The address that it listens on.'),
        port: port().default(9465).describe('The port that it listens on.'),
      })
      .prefault({})
      .describe('Probes and metrics in Prometheus form. Loopback only.'),
    limits: limits().prefault({}).describe('What callers of the socket may take.'),
  });

export type AgentSection = z.output<ReturnType<typeof agentSection>>;

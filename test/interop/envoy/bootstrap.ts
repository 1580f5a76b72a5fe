import { join } from 'node:path';

/** How the two sides ask for their secrets. */
export interface Variant {
  readonly name: string;
  readonly delta: boolean;
  /** The name of the own certificate, by SPIFFE ID. */
  readonly certificate: (spiffeId: string) => string;
  readonly roots: string;
}

const DEFAULT = (): string => 'default';
const BY_ID = (spiffeId: string): string => spiffeId;

export const VARIANTS: readonly Variant[] = [
  { name: 'default-rootca', delta: false, certificate: DEFAULT, roots: 'ROOTCA' },
  { name: 'default-all', delta: false, certificate: DEFAULT, roots: 'ALL' },
  { name: 'spiffe-ids', delta: false, certificate: BY_ID, roots: 'spiffe://example.org' },
  { name: 'delta-default-rootca', delta: true, certificate: DEFAULT, roots: 'ROOTCA' },
  { name: 'delta-spiffe-ids-all', delta: true, certificate: BY_ID, roots: 'ALL' },
];

/** One Envoy: where its sockets lie, and whose identity it has. */
export interface Place {
  readonly folder: string;
  readonly agentSocket: string;
  readonly spiffeId: string;
  readonly metadata?: Readonly<Record<string, unknown>>;
}

const TLS = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3';
const HTTP = 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3';
const HTTP_OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

const pipe = (path: string): object => ({ pipe: { path } });

const cluster = (name: string, path: string, http: object, more: object = {}): object => ({
  name,
  type: 'STATIC',
  connect_timeout: '5s',
  typed_extension_protocol_options: {
    [HTTP_OPTIONS]: { '@type': `type.googleapis.com/${HTTP_OPTIONS}`, ...http },
  },
  load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address: pipe(path) } }] }] },
  ...more,
});

const agentCluster = ({ agentSocket }: Place): object =>
  cluster('agent', agentSocket, { explicit_http_config: { http2_protocol_options: {} } });

/** An Envoy waits longer each time that it does not reach its agent, up to 30 seconds unless told. */
const COME_BACK_SOON = { retry_back_off: { base_interval: '0.1s', max_interval: '1s' } };

const secret = (name: string, delta: boolean): object => ({
  name,
  sds_config: {
    resource_api_version: 'V3',
    // An Envoy listens when it has its secrets, or after this: one of the roads asks for what it does not get.
    initial_fetch_timeout: '1s',
    api_config_source: {
      api_type: delta ? 'DELTA_GRPC' : 'GRPC',
      transport_api_version: 'V3',
      grpc_services: [{ envoy_grpc: { cluster_name: 'agent', retry_policy: COME_BACK_SOON } }],
    },
  },
});

/** TLS with the own certificate, to or from a peer with one exact SPIFFE ID. */
const commonTls = ({ spiffeId }: Place, { certificate, roots, delta }: Variant, peer: string): object => ({
  // Without it Envoy asks its servers for 1.2.
  tls_params: { tls_maximum_protocol_version: delta ? 'TLSv1_3' : 'TLSv1_2' },
  tls_certificate_sds_secret_configs: [secret(certificate(spiffeId), delta)],
  combined_validation_context: {
    default_validation_context: {
      match_typed_subject_alt_names: [{ san_type: 'URI', matcher: { exact: peer } }],
    },
    validation_context_sds_secret_config: secret(roots, delta),
  },
});

const tlsSocket = (type: 'Upstream' | 'Downstream', content: object): object => ({
  transport_socket: {
    name: 'envoy.transport_sockets.tls',
    typed_config: { '@type': `${TLS}.${type}TlsContext`, ...content },
  },
});

const httpListener = (
  name: string,
  path: string,
  { to, responseHeaders = [], ...manager }: { to: string; responseHeaders?: readonly object[] },
  tls: object = {},
): object => ({
  name,
  address: pipe(path),
  filter_chains: [
    {
      filters: [
        {
          name: 'envoy.filters.network.http_connection_manager',
          typed_config: {
            '@type': `${HTTP}.HttpConnectionManager`,
            stat_prefix: name,
            route_config: {
              response_headers_to_add: responseHeaders,
              virtual_hosts: [{ name, domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: to } }] }],
            },
            http_filters: [
              {
                name: 'envoy.filters.http.router',
                typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
              },
            ],
            ...manager,
          },
        },
      ],
      ...tls,
    },
  ],
});

const bootstrap = (id: string, place: Place, listeners: readonly object[], clusters: readonly object[]): object => ({
  node: { id, cluster: 'mayfly', ...(place.metadata && { metadata: place.metadata }) },
  admin: { address: pipe(join(place.folder, `${id}.admin.sock`)) },
  static_resources: { listeners, clusters: [agentCluster(place), ...clusters] },
});

const SERVER_CERTIFICATE = { header: { key: 'x-server-certificate', value: '%UPSTREAM_PEER_CERT%' } };
const FORWARD_TO_APPLICATION = {
  to: 'application',
  forward_client_cert_details: 'SANITIZE_SET',
  set_current_client_cert_details: { uri: true },
};

/** A way out of the client's Envoy, and into the server's. */
export interface Road {
  readonly name: string;
  readonly variant: Variant;
  /** Whom each side takes for its peer. */
  readonly server: string;
  readonly client: string;
}

export const wayIn = (folder: string, road: string): string => join(folder, `in-${road}.sock`);
export const wayOut = (folder: string, road: string): string => join(folder, `out-${road}.sock`);

/** Takes plain HTTP from the application beside it, and a new TLS connection for each request. */
export const clientEnvoy = (id: string, place: Place, roads: readonly Road[]): object =>
  bootstrap(
    id,
    place,
    roads.map(({ name }) =>
      httpListener(name, wayOut(place.folder, name), { to: name, responseHeaders: [SERVER_CERTIFICATE] }),
    ),
    roads.map(({ name, variant, server }) =>
      cluster(
        name,
        wayIn(place.folder, name),
        {
          common_http_protocol_options: { max_requests_per_connection: 1 },
          explicit_http_config: { http_protocol_options: {} },
        },
        tlsSocket('Upstream', { max_session_keys: 0, common_tls_context: commonTls(place, variant, server) }),
      ),
    ),
  );

/** Takes TLS from its peers alone, and tells the application behind who they are. */
export const serverEnvoy = (id: string, place: Place, roads: readonly Road[], application: string): object =>
  bootstrap(
    id,
    place,
    roads.map(({ name, variant, client }) =>
      httpListener(
        name,
        wayIn(place.folder, name),
        FORWARD_TO_APPLICATION,
        tlsSocket('Downstream', {
          require_client_certificate: true,
          common_tls_context: commonTls(place, variant, client),
        }),
      ),
    ),
    [cluster('application', application, { explicit_http_config: { http_protocol_options: {} } })],
  );

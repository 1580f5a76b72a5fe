/**
 * Identities of workloads over the SPIFFE Workload API, for programs: fetch them, keep them fresh, and use them for mutual TLS
 * and as tokens. Works with every agent that serves the standard.
 */
export type { AgentOptions } from './agent.ts';
export { exactly, memberOf, oneOf, type Authorizer, type Peer } from './authorize.ts';
export { WORKLOAD_ERROR_CODES, WorkloadError, type WorkloadErrorCode } from './errors.ts';
export { createGrpcListener, grpcChannelCredentials, peerOfCall } from './grpc.ts';
export { JwtSource, type JwtSourceOptions } from './jwt-source.ts';
export type { JwtBundle, JwtSvid } from './jwt-svid.ts';
export {
  fetchJwtBundles,
  fetchJwtSvids,
  fetchX509Bundles,
  fetchX509Context,
  validateJwtSvid,
  type Claims,
  type JwtSvidQuestion,
  type ValidatedJwtSvid,
  type ValidateQuestion,
} from './one-shot.ts';
export { verifyPeer, type TlsPolicy, type TlsSource } from './peer.ts';
export type { SourceEvents } from './source.ts';
export { connectTls, tlsOptions, WorkloadAgent, type ConnectTlsOptions } from './tls-client.ts';
export { peerOf } from './tls-peer.ts';
export {
  createHttp2Server,
  createHttpsServer,
  createTlsServer,
  guardServer,
  serverTlsOptions,
} from './tls-server.ts';
export { privateKeyPem, type X509Bundle, type X509Context, type X509Svid } from './x509-context.ts';
export { X509Source, type PickX509Svid, type X509SourceOptions } from './x509-source.ts';

import { fileURLToPath } from 'node:url';
import {
  loadSync,
  type MessageTypeDefinition,
  type PackageDefinition,
  type ServiceDefinition,
} from '@grpc/proto-loader';

/** The one type of resource that is served. */
export const SECRET_TYPE_URL = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret';
export const SPIFFE_VALIDATOR_TYPE_URL =
  'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.SPIFFECertValidatorConfig';
/** The name of the extension by which Envoy finds its SPIFFE validator. */
export const SPIFFE_VALIDATOR_NAME = 'envoy.tls.cert_validator.spiffe';

/** A `google.protobuf.Any`; its field keeps the name that the library gives it. */
export interface AnyMessage {
  readonly type_url: string;
  readonly value: Uint8Array;
}

/** `google.rpc.Status` in a request: the client refused a response. */
export interface ErrorDetail {
  readonly code: number;
  readonly message: string;
}

export interface StructValue {
  readonly boolValue?: boolean;
  readonly stringValue?: string;
}

/** What Envoy tells about itself, as far as it matters here. */
export interface NodeMessage {
  readonly id: string;
  readonly metadata?: { readonly fields: Readonly<Record<string, StructValue>> } | null;
  readonly userAgentBuildVersion?: {
    readonly version: { readonly majorNumber: number; readonly minorNumber: number } | null;
  } | null;
}

export interface DiscoveryRequest {
  readonly node: NodeMessage | null;
  readonly resourceNames: readonly string[];
  readonly typeUrl: string;
  readonly responseNonce: string;
  readonly errorDetail: ErrorDetail | null;
}

export interface DiscoveryResponse {
  readonly versionInfo?: string;
  readonly resources: readonly AnyMessage[];
  readonly typeUrl: string;
  readonly nonce?: string;
}

export interface DeltaDiscoveryRequest {
  readonly node: NodeMessage | null;
  readonly typeUrl: string;
  readonly resourceNamesSubscribe: readonly string[];
  readonly resourceNamesUnsubscribe: readonly string[];
  readonly initialResourceVersions: Readonly<Record<string, string>>;
  readonly responseNonce: string;
  readonly errorDetail: ErrorDetail | null;
}

export interface DeltaDiscoveryResponse {
  readonly systemVersionInfo: string;
  readonly resources: readonly { readonly version: string; readonly resource: AnyMessage; readonly name: string }[];
  readonly typeUrl: string;
  readonly nonce: string;
  readonly removedResources: readonly string[];
}

/** `DataSource` with PEM inside it (SDS-7). */
export interface InlineBytes {
  readonly inlineBytes: Uint8Array;
}

export interface SecretMessage {
  readonly name: string;
  readonly tlsCertificate?: { readonly certificateChain: InlineBytes; readonly privateKey: InlineBytes };
  readonly validationContext?: {
    readonly trustedCa?: InlineBytes;
    readonly customValidatorConfig?: { readonly name: string; readonly typedConfig: AnyMessage };
  };
}

export interface SpiffeValidatorMessage {
  readonly trustDomains: readonly { readonly name: string; readonly trustBundle: InlineBytes }[];
}

/** Everything in the folder `proto`, for the service itself and for reflection. */
export const sdsPackage: PackageDefinition = loadSync(
  ['envoy/service/secret/v3/sds.proto', 'envoy/extensions/transport_sockets/tls/v3/secret.proto'],
  { includeDirs: [fileURLToPath(new URL('proto', import.meta.url))], defaults: true },
);

const messageType = <T>(name: string): MessageTypeDefinition<T, T> => {
  const found = sdsPackage[name];
  if (found === undefined) throw new Error(`the proto files do not define ${name}`);
  return found as unknown as MessageTypeDefinition<T, T>;
};

/** StreamSecrets, DeltaSecrets and FetchSecrets (spec §9.1). */
export const sdsDefinition = sdsPackage['envoy.service.secret.v3.SecretDiscoveryService'] as ServiceDefinition;

export const secretType = messageType<SecretMessage>('envoy.extensions.transport_sockets.tls.v3.Secret');
export const spiffeValidatorType = messageType<SpiffeValidatorMessage>(
  'envoy.extensions.transport_sockets.tls.v3.SPIFFECertValidatorConfig',
);

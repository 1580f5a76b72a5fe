import type { MethodDefinition } from '@grpc/grpc-js';
import { fromJSON } from '@grpc/proto-loader';

/**
 * The Workload API on the wire (SPIFFE Workload API; workloadapi.proto), as far as this library speaks it. A value and no
 * .proto file, so that it is part of the compiled package like everything else. Fields that are absent read as empty.
 */

export interface X509SvidMessage {
  readonly spiffeId: string;
  readonly x509Svid: Buffer;
  readonly x509SvidKey: Buffer;
  readonly bundle: Buffer;
  readonly hint: string;
}

export interface X509SvidResponse {
  readonly svids: readonly X509SvidMessage[];
  readonly federatedBundles: Readonly<Record<string, Buffer>>;
}

/** Of `FetchX509Bundles` and of `FetchJWTBundles`. */
export interface BundlesResponse {
  readonly bundles: Readonly<Record<string, Buffer>>;
}

export interface JwtSvidRequest {
  readonly audience: readonly string[];
  readonly spiffeId: string;
}

export interface JwtSvidResponse {
  readonly svids: readonly { readonly spiffeId: string; readonly svid: string; readonly hint: string }[];
}

export interface ValidateRequest {
  readonly audience: string;
  readonly svid: string;
}

/** google.protobuf.Value; `kind` names the member that counts. */
export interface ValueMessage {
  readonly kind?: string;
  readonly numberValue?: number;
  readonly stringValue?: string;
  readonly boolValue?: boolean;
  readonly structValue?: StructMessage;
  readonly listValue?: { readonly values: readonly ValueMessage[] };
}

export interface StructMessage {
  readonly fields: Readonly<Record<string, ValueMessage>>;
}

export interface ValidateResponse {
  readonly spiffeId: string;
  readonly claims: StructMessage | null;
}

const one = (type: string, id: number) => ({ type, id });
const many = (type: string, id: number) => ({ rule: 'repeated' as const, type, id });
const byName = (type: string, id: number) => ({ keyType: 'string', type, id });

const MESSAGES = {
  Empty: { fields: {} },
  X509SVID: {
    fields: {
      spiffeId: one('string', 1),
      x509Svid: one('bytes', 2),
      x509SvidKey: one('bytes', 3),
      bundle: one('bytes', 4),
      hint: one('string', 5),
    },
  },
  X509SVIDResponse: {
    fields: { svids: many('X509SVID', 1), crl: many('bytes', 2), federatedBundles: byName('bytes', 3) },
  },
  X509BundlesResponse: { fields: { crl: many('bytes', 1), bundles: byName('bytes', 2) } },
  JWTSVIDRequest: { fields: { audience: many('string', 1), spiffeId: one('string', 2) } },
  JWTSVID: { fields: { spiffeId: one('string', 1), svid: one('string', 2), hint: one('string', 3) } },
  JWTSVIDResponse: { fields: { svids: many('JWTSVID', 1) } },
  JWTBundlesResponse: { fields: { bundles: byName('bytes', 1) } },
  ValidateJWTSVIDRequest: { fields: { audience: one('string', 1), svid: one('string', 2) } },
  ValidateJWTSVIDResponse: { fields: { spiffeId: one('string', 1), claims: one('Struct', 2) } },
  // google.protobuf.Struct and what it consists of.
  Struct: { fields: { fields: byName('Value', 1) } },
  ListValue: { fields: { values: many('Value', 1) } },
  Value: {
    oneofs: { kind: { oneof: ['nullValue', 'numberValue', 'stringValue', 'boolValue', 'structValue', 'listValue'] } },
    fields: {
      nullValue: one('int32', 1),
      numberValue: one('double', 2),
      stringValue: one('string', 3),
      boolValue: one('bool', 4),
      structValue: one('Struct', 5),
      listValue: one('ListValue', 6),
    },
  },
};

const call = (requestType: string, responseType: string) => ({ requestType, responseType, comment: '' });
const stream = (requestType: string, responseType: string) => ({
  ...call(requestType, responseType),
  responseStream: true,
});

const METHODS = {
  FetchX509SVID: stream('Empty', 'X509SVIDResponse'),
  FetchX509Bundles: stream('Empty', 'X509BundlesResponse'),
  FetchJWTSVID: call('JWTSVIDRequest', 'JWTSVIDResponse'),
  FetchJWTBundles: stream('Empty', 'JWTBundlesResponse'),
  ValidateJWTSVID: call('ValidateJWTSVIDRequest', 'ValidateJWTSVIDResponse'),
};

const SERVICE = 'SpiffeWorkloadAPI';

const definitions = fromJSON(
  { nested: { ...MESSAGES, [SERVICE]: { methods: METHODS } } },
  { defaults: true, arrays: true, objects: true, oneofs: true },
);

/** The methods by name, each with its path, its writer and its reader. */
export interface WorkloadMethods {
  readonly FetchX509SVID: MethodDefinition<object, X509SvidResponse>;
  readonly FetchX509Bundles: MethodDefinition<object, BundlesResponse>;
  readonly FetchJWTSVID: MethodDefinition<JwtSvidRequest, JwtSvidResponse>;
  readonly FetchJWTBundles: MethodDefinition<object, BundlesResponse>;
  readonly ValidateJWTSVID: MethodDefinition<ValidateRequest, ValidateResponse>;
}

export const workloadMethods = definitions[SERVICE] as unknown as WorkloadMethods;

import { fileURLToPath } from 'node:url';
import type { ServiceDefinition } from '@grpc/grpc-js';
import { loadSync, type PackageDefinition } from '@grpc/proto-loader';

const PROTO = fileURLToPath(new URL('./proto/workload.proto', import.meta.url));
export const WORKLOAD_SERVICE = 'SpiffeWorkloadAPI';

/** The Workload API in the words of gRPC, for the server, its clients in tests, and reflection. */
export const workloadPackage: PackageDefinition = loadSync(PROTO, { defaults: true, longs: Number, enums: String });
export const workloadDefinition = workloadPackage[WORKLOAD_SERVICE] as ServiceDefinition;

const METHODS = ['FetchX509SVID', 'FetchX509Bundles', 'FetchJWTSVID', 'FetchJWTBundles', 'ValidateJWTSVID'] as const;
export type WorkloadMethod = (typeof METHODS)[number];

/** Writes an answer of a method as octets. */
export const encodeAnswer = (method: WorkloadMethod, answer: object): Buffer => {
  const found = workloadDefinition[method];
  if (found === undefined) throw new Error(`the proto file has no method ${method}`);
  return found.responseSerialize(answer);
};

/** The service with answers as octets: one that was written once goes out to thousands of streams. */
export const encodedWorkloadDefinition: ServiceDefinition = Object.fromEntries(
  Object.entries(workloadDefinition).map(([name, method]) => [
    name,
    { ...method, responseSerialize: (octets: Buffer) => octets },
  ]),
);

import type {
  Metadata,
  sendUnaryData,
  ServerDuplexStream,
  ServerUnaryCall,
  ServiceDefinition,
  UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { PackageDefinition } from '@grpc/proto-loader';
import type { WorkloadSession } from '../../agent/workload-session.ts';
import { Refusal } from '../../domain/refusal.ts';
import type { Logger } from '../../ports/logger.ts';
import { Delta, type DeltaRequest, type DeltaResponse } from './delta.ts';
import { type Ending, endingFor } from './ending.ts';
import { type ValidationForm, validationFormFor } from './envoy-node.ts';
import {
  type AnyMessage,
  type DeltaDiscoveryRequest,
  type DeltaDiscoveryResponse,
  type DiscoveryRequest,
  type DiscoveryResponse,
  type NodeMessage,
  sdsDefinition,
  sdsPackage,
  SECRET_TYPE_URL,
} from './messages.ts';
import { createSecretsOf, type Secret, type SecretNames } from './secrets.ts';
import { serveStream, type StreamContext, type Variant } from './serve-stream.ts';
import { StateOfTheWorld, type StateOfTheWorldRequest, type StateOfTheWorldResponse } from './state-of-the-world.ts';

export interface SecretServiceOptions {
  readonly names: SecretNames;
  /** How validation contexts are written where an Envoy does not choose (SDS-9); `spiffe` unless the operator says so. */
  readonly validation: ValidationForm;
  readonly logger: Logger;
}

/** What tells who is calling. */
interface Call {
  readonly metadata: Metadata;
}

/** What the listener knows of its calls. */
export interface SecretServiceContext {
  /** Who made a call; undefined when the connection has closed in the meantime. */
  readonly sessionOf: (call: Call) => WorkloadSession | undefined;
  /** Has `end` called when the agent closes. The function returned takes it back. */
  readonly whenClosing: (end: () => void) => () => void;
}

/** A service for the agent's listener to add. */
export interface SecretService {
  readonly definition: ServiceDefinition;
  /** The service and all of its messages, for reflection. */
  readonly packageDefinition: PackageDefinition;
  readonly implement: (context: SecretServiceContext) => UntypedServiceImplementation;
}

const asAny = ({ value }: Secret): AnyMessage => ({ type_url: SECRET_TYPE_URL, value });

const takeRequest = (request: DiscoveryRequest): StateOfTheWorldRequest => ({
  names: request.resourceNames,
  typeUrl: request.typeUrl,
  nonce: request.responseNonce,
  refused: request.errorDetail !== null,
});

const giveResponse = ({ version, nonce, secrets }: StateOfTheWorldResponse): DiscoveryResponse => ({
  versionInfo: version,
  resources: secrets.map(asAny),
  typeUrl: SECRET_TYPE_URL,
  nonce,
});

const takeDeltaRequest = (request: DeltaDiscoveryRequest): DeltaRequest => ({
  subscribe: request.resourceNamesSubscribe,
  unsubscribe: request.resourceNamesUnsubscribe,
  typeUrl: request.typeUrl,
  initialVersions: new Map(Object.entries(request.initialResourceVersions)),
  refused: request.errorDetail !== null,
});

const giveDeltaResponse = ({ version, nonce, secrets, removed }: DeltaResponse): DeltaDiscoveryResponse => ({
  systemVersionInfo: version,
  resources: secrets.map((secret) => ({ name: secret.name, version: secret.version, resource: asAny(secret) })),
  typeUrl: SECRET_TYPE_URL,
  nonce,
  removedResources: removed,
});

const stateOfTheWorld = (
  nextNonce: () => string,
): Variant<DiscoveryRequest, DiscoveryResponse, StateOfTheWorldRequest, StateOfTheWorldResponse> => ({
  machine: new StateOfTheWorld(nextNonce),
  take: takeRequest,
  give: giveResponse,
});

const delta = (
  nextNonce: () => string,
): Variant<DeltaDiscoveryRequest, DeltaDiscoveryResponse, DeltaRequest, DeltaResponse> => ({
  machine: new Delta(nextNonce),
  take: takeDeltaRequest,
  give: giveDeltaResponse,
});

/** Nonces that no stream of this service had before. */
const nonces = (): (() => string) => {
  let count = 0;
  return () => (count += 1).toString(16).padStart(8, '0');
};

/** Envoy's secret discovery service, version 3, for the callers of the agent's socket (SDS-1 … SDS-60). */
export const createSecretService = ({ names, validation, logger }: SecretServiceOptions): SecretService => {
  const secretsOf = createSecretsOf(names);
  const nextNonce = nonces();
  const formFor = (node: NodeMessage | null): ValidationForm => validationFormFor(node, validation);

  /** One request as a stream would answer it first (SDS-60). */
  const fetch = async (session: WorkloadSession, request: DiscoveryRequest): Promise<DiscoveryResponse> => {
    const once = new StateOfTheWorld(nextNonce);
    once.request(takeRequest(request));
    once.update(secretsOf(await session.state(), formFor(request.node)));
    return { resources: (once.next()?.secrets ?? []).map(asAny), typeUrl: SECRET_TYPE_URL };
  };

  const implement = ({ sessionOf, whenClosing }: SecretServiceContext): UntypedServiceImplementation => {
    const callerOf = (call: Call): WorkloadSession => {
      const session = sessionOf(call);
      if (session === undefined) throw new Refusal('unavailable', 'the connection is closed');
      return session;
    };
    const contextOf = (call: Call): StreamContext => ({
      session: () => callerOf(call),
      whenClosing,
      secretsOf,
      formFor,
      logger,
    });
    const fetchSecrets = async (
      call: ServerUnaryCall<DiscoveryRequest, DiscoveryResponse>,
      respond: sendUnaryData<DiscoveryResponse>,
    ): Promise<void> => {
      let response: DiscoveryResponse | null = null;
      let ending: Ending | null = null;
      try {
        response = await fetch(callerOf(call), call.request);
      } catch (error) {
        ending = endingFor(error, logger);
      }
      respond(ending, response);
    };
    return {
      StreamSecrets: (call: ServerDuplexStream<DiscoveryRequest, DiscoveryResponse>) =>
        serveStream(call, stateOfTheWorld(nextNonce), contextOf(call)),
      DeltaSecrets: (call: ServerDuplexStream<DeltaDiscoveryRequest, DeltaDiscoveryResponse>) =>
        serveStream(call, delta(nextNonce), contextOf(call)),
      FetchSecrets: (
        call: ServerUnaryCall<DiscoveryRequest, DiscoveryResponse>,
        respond: sendUnaryData<DiscoveryResponse>,
      ) => void fetchSecrets(call, respond),
    };
  };

  return { definition: sdsDefinition, packageDefinition: sdsPackage, implement };
};

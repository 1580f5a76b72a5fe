import type {
  Metadata,
  sendUnaryData,
  ServerUnaryCall,
  ServerWritableStream,
  UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { WorkloadSession, WorkloadState } from '../../agent/workload-session.ts';
import { Refusal } from '../../domain/refusal.ts';
import type { Logger } from '../../ports/logger.ts';
import { jwtBundlesAnswer, jwtSvidsAnswer, validationAnswer, x509BundlesAnswer, x509SvidAnswer } from './answers.ts';
import type { OpenCalls } from './open-calls.ts';
import type { CallStatus } from './grpc/status.ts';
import { HEADER_MISSING, statusOf } from './status.ts';
import { streamStates } from './stream-states.ts';

/** Shows that the request comes from a client that means us, and not from a browser led astray (WLE-4). */
export const SECURITY_HEADER = 'workload.spiffe.io';

interface JwtSvidRequest {
  readonly audience: readonly string[];
  readonly spiffeId: string;
}

interface ValidationRequest {
  readonly audience: string;
  readonly svid: string;
}

export interface WorkloadServiceParts {
  readonly sessionOf: (call: object) => WorkloadSession | undefined;
  readonly calls: OpenCalls;
  readonly logger: Logger;
}

const isSecure = (metadata: Metadata): boolean => {
  const values = metadata.get(SECURITY_HEADER);
  return values.length === 1 && values[0] === 'true';
};

const filled = (value: string, name: string): string => {
  if (value === '') throw new Refusal('invalid_request', `${name} must be specified`);
  return value;
};

const audiencesOf = ({ audience }: JwtSvidRequest): readonly string[] => {
  if (audience.length === 0) throw new Refusal('invalid_request', 'audience must be specified');
  for (const each of audience) filled(each, 'audience');
  return audience;
};

/**
 * The Workload API (spec family WLAPI). Every call has to carry the security header exactly once, before anything is
 * done for it (WLE-5). The methods of the WIT profile are left out, and so answered with Unimplemented.
 */
export const workloadService = (parts: WorkloadServiceParts): UntypedServiceImplementation => {
  const { logger } = parts;

  /** The caller, or how the call ends instead. */
  const admitted = (call: { readonly metadata: Metadata }): WorkloadSession | CallStatus => {
    if (!isSecure(call.metadata)) return HEADER_MISSING;
    return parts.sessionOf(call) ?? statusOf(new Refusal('unavailable', 'the connection is closed'), logger);
  };

  const stream =
    (answerOf: (state: WorkloadState) => Buffer) =>
    (call: ServerWritableStream<unknown, Buffer>): void => {
      const session = admitted(call);
      if ('details' in session) call.emit('error', session);
      else void streamStates(call, session, answerOf, parts);
    };

  const unary = <Request>(answer: (session: WorkloadSession, request: Request) => Promise<Buffer>) => {
    const respondTo = async (call: ServerUnaryCall<Request, Buffer>, respond: sendUnaryData<Buffer>): Promise<void> => {
      const session = admitted(call);
      if ('details' in session) {
        respond(session);
        return;
      }
      try {
        respond(null, await answer(session, call.request));
      } catch (error) {
        respond(statusOf(error, logger));
      }
    };
    return (call: ServerUnaryCall<Request, Buffer>, respond: sendUnaryData<Buffer>): void => {
      void respondTo(call, respond);
    };
  };

  return {
    FetchX509SVID: stream(x509SvidAnswer),
    FetchX509Bundles: stream(x509BundlesAnswer),
    FetchJWTBundles: stream(jwtBundlesAnswer),
    FetchJWTSVID: unary<JwtSvidRequest>(async (session, request) => {
      const audiences = audiencesOf(request);
      return jwtSvidsAnswer(await session.jwtSvids(audiences, request.spiffeId || undefined));
    }),
    ValidateJWTSVID: unary<ValidationRequest>(async (session, { audience, svid }) =>
      validationAnswer(await session.validateJwt(filled(audience, 'audience'), filled(svid, 'svid'))),
    ),
  };
};

import type { MethodDefinition } from '@grpc/grpc-js';
import { parseSpiffeId, type SpiffeId } from '../domain/spiffe-id.ts';
import type { TrustDomain } from '../domain/trust-domain.ts';
import { withAgent, type Agent, type AgentOptions } from './agent.ts';
import { WorkloadError } from './errors.ts';
import { readJwtBundles, readJwtSvids, type JwtBundle, type JwtSvid } from './jwt-svid.ts';
import { type StructMessage, type ValueMessage, workloadMethods } from './wire.ts';
import { readX509Bundles, readX509Context, reading, type X509Bundle, type X509Context } from './x509-context.ts';

/** The first message of a stream, which says all there is to say now (WLAPI-3, WLAPI-4). */
const firstMessage = async <Message>(
  agent: Agent,
  method: MethodDefinition<object, Message>,
  signal: AbortSignal | undefined,
): Promise<Message> => {
  for await (const message of agent.stream(method, {}, signal)) return message;
  throw new WorkloadError('unavailable', 'the Workload API ended the stream without an answer');
};

/** The X.509 identities of this process and whom it trusts, as they are now. Asks once. */
export const fetchX509Context = ({ address, signal }: AgentOptions = {}): Promise<X509Context> =>
  withAgent(address, async (agent) =>
    readX509Context(await firstMessage(agent, workloadMethods.FetchX509SVID, signal)),
  );

/** The X.509 bundles that this process may see, as they are now. Asks once. */
export const fetchX509Bundles = ({
  address,
  signal,
}: AgentOptions = {}): Promise<ReadonlyMap<TrustDomain, X509Bundle>> =>
  withAgent(address, async (agent) =>
    readX509Bundles(await firstMessage(agent, workloadMethods.FetchX509Bundles, signal)),
  );

/** The JWT bundles that this process may see, as they are now. Asks once. */
export const fetchJwtBundles = ({ address, signal }: AgentOptions = {}): Promise<ReadonlyMap<TrustDomain, JwtBundle>> =>
  withAgent(address, async (agent) =>
    readJwtBundles(await firstMessage(agent, workloadMethods.FetchJWTBundles, signal)),
  );

export interface JwtSvidQuestion {
  /** Who will receive the token; at least one. */
  readonly audience: string | readonly string[];
  /** One of the identities of this process; all of them unless told. */
  readonly spiffeId?: string | undefined;
}

/** The audience as a list that is not empty (WLAPI-40). */
export const audienceOf = ({ audience }: Pick<JwtSvidQuestion, 'audience'>): readonly string[] => {
  const values = typeof audience === 'string' ? [audience] : [...audience];
  if (values.length === 0 || values.includes('')) {
    throw new WorkloadError('invalid_request', 'name at least one audience, and none that is empty');
  }
  return values;
};

/** JWT-SVIDs of this process for an audience: one for each identity. Asks once; `JwtSource` keeps what it was given. */
export const fetchJwtSvids = async ({
  address,
  signal,
  ...question
}: AgentOptions & JwtSvidQuestion): Promise<readonly JwtSvid[]> => {
  const audience = audienceOf(question);
  const request = { audience, spiffeId: question.spiffeId ?? '' };
  return withAgent(address, async (agent) =>
    readJwtSvids(await agent.call(workloadMethods.FetchJWTSVID, request, signal), audience),
  );
};

type ClaimValue = null | boolean | number | string | readonly ClaimValue[] | Claims;
/** Claims as they came over the Workload API: every number a double. */
export interface Claims {
  readonly [name: string]: ClaimValue;
}

const plainValue = (value: ValueMessage): ClaimValue => {
  switch (value.kind) {
    case 'numberValue':
      return value.numberValue ?? 0;
    case 'stringValue':
      return value.stringValue ?? '';
    case 'boolValue':
      return value.boolValue ?? false;
    case 'structValue':
      return value.structValue === undefined ? null : plainObject(value.structValue);
    case 'listValue':
      return (value.listValue?.values ?? []).map(plainValue);
    default:
      return null;
  }
};

const plainObject = ({ fields }: StructMessage): Claims =>
  Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, plainValue(value)]));

export interface ValidatedJwtSvid {
  readonly spiffeId: SpiffeId;
  readonly claims: Claims;
}

export interface ValidateQuestion extends AgentOptions {
  readonly token: string;
  /** The one that this process goes by. */
  readonly audience: string;
}

/**
 * Has the agent validate a JWT-SVID that somebody presented. Rejects with `invalid_token` when it is not good.
 * `JwtSource.validate` does the same without asking.
 */
export const validateJwtSvid = async ({
  address,
  signal,
  token,
  audience,
}: ValidateQuestion): Promise<ValidatedJwtSvid> => {
  audienceOf({ audience });
  try {
    return await withAgent(address, async (agent) => {
      const request = { audience, svid: token };
      const { spiffeId, claims } = await agent.call(workloadMethods.ValidateJWTSVID, request, signal);
      if (claims === null) throw new WorkloadError('malformed_response', 'the agent validates without naming claims');
      return {
        spiffeId: reading('the ID of a valid token', () => parseSpiffeId(spiffeId)),
        claims: plainObject(claims),
      };
    });
  } catch (error) {
    // The request itself was complete, so that InvalidArgument speaks of the token (WLAPI-47).
    const isOfToken = error instanceof WorkloadError && error.code === 'invalid_request';
    throw isOfToken ? new WorkloadError('invalid_token', error.message, { cause: error }) : error;
  }
};

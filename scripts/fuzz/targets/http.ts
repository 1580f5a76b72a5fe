import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { z } from 'zod';
import { formText, parseForm } from '../../../src/adapters/http/form.ts';
import type { Route } from '../../../src/adapters/http/route.ts';
import { Refusal } from '../../../src/domain/refusal.ts';
import { parseJson } from '../../../src/formats/json.ts';
import { frontEndRoutes, type RouteParts } from '../../../src/compose/routes.ts';
import { configSchema } from '../../../src/compose/config-schema.ts';
import { schemaValues } from '../../../test/support/schema-values.ts';
import { eitherMutator, jsonMutator, bytesMutator, type Mutator } from '../mutate.ts';
import { Random } from '../random.ts';
import { TRUST_DOMAIN } from '../samples.ts';
import { demand, unless, type Target } from '../target.ts';

/** Routes that are only read: whoever asked such a one for anything would fail on the first member that is missing. */
const routesToRead = (): readonly Route[] => {
  const config = configSchema({ folder: '/' }).parse({
    trustDomain: TRUST_DOMAIN,
    server: { sealKey: '/etc/seal.key' },
  });
  const issuer = { policy: { trustDomain: TRUST_DOMAIN }, views: {} };
  return frontEndRoutes({
    config,
    issuer,
    readiness: () => ({ reasons: [] }),
    apiUrl: 'https://localhost',
  } as unknown as RouteParts);
};

interface Body {
  readonly route: Route;
  readonly schema: z.ZodType;
  readonly document: object;
  readonly validate: ValidateFunction;
}

const ajv = new Ajv2020({ strict: false, logger: false, formats: { 'date-time': true } });

const bodies = routesToRead().flatMap(({ body: schema, ...route }): Body[] => {
  if (schema === undefined || route.bodyKind === undefined || route.bodyKind === 'raw') return [];
  const document = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return [{ route, schema, document, validate: ajv.compile(document) }];
});

const FORM = new URLSearchParams({ grant_type: 'client_credentials', scope: 'a b', resource: 'https://a' }).toString();

/** The route's number, then the body. */
const seeds = bodies.flatMap(({ route, document }, at) => {
  const random = new Random(route.path);
  const texts =
    route.bodyKind === 'form'
      ? [FORM]
      : Array.from({ length: 6 }, () => JSON.stringify(schemaValues(document, random)));
  return texts.map((each) => Buffer.concat([Buffer.of(at), Buffer.from(each)]));
});

/** Leaves the number of the route alone, and takes from other bodies what it mixes in. */
const behindNumber =
  (mutate: Mutator): Mutator =>
  (random, pool) => {
    const input = random.pick(pool);
    const others = [input, random.pick(pool)].map((each) => each.subarray(1));
    return Buffer.concat([input.subarray(0, 1), mutate(random, others)]);
  };

const parse = ({ route }: Body, input: Uint8Array): unknown =>
  route.bodyKind === 'form' ? parseForm(formText(input), route.repeatable) : parseJson(input, { maxBytes: 65_536 });

export const httpBodies: Target = {
  seeds,
  mutate: behindNumber(eitherMutator(jsonMutator(), jsonMutator(), bytesMutator(['&', '=', '%2B', 'resource=']))),
  sources: ['adapters/http/form.ts', 'formats/json.ts'],
  run: (input) => {
    const body = bodies[input[0] ?? 0];
    if (body === undefined) return false;
    const value = unless(
      (error) => error instanceof Refusal,
      () => ({ read: parse(body, input.subarray(1)) }),
    );
    if (value === undefined) return false;
    const { success } = body.schema.safeParse(value.read);
    const isDocumented = body.validate(value.read);
    demand(!success || isDocumented, `${body.route.method} ${body.route.path} takes what its document does not allow`);
    return success;
  },
};

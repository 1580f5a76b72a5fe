import { type DiscoveryResponse, SECRET_TYPE_URL, secretType } from '../../../src/adapters/sds/messages.ts';
import { SECRET_NAMES } from '../../../src/adapters/sds/secrets.ts';
import { createSecretService, type SecretServiceOptions } from '../../../src/adapters/sds/secret-service.ts';
import { Refusal } from '../../../src/domain/refusal.ts';
import type { LogFields, Logger } from '../../../src/ports/logger.ts';
import { type SecretsWire, serveSecrets, StandInSession } from './secret-client.ts';
import { heldSvid, WEB, workloadState } from './workload-states.ts';

const logged: { readonly message: string; readonly fields: LogFields | undefined }[] = [];
const note = (message: string, fields?: LogFields): void => void logged.push({ message, fields });
const logger: Logger = { debug: note, info: note, warn: note, error: note, with: () => logger };

let wire: SecretsWire;
let session: StandInSession;

const start = async (changes: Partial<SecretServiceOptions> = {}): Promise<void> => {
  session = new StandInSession(workloadState());
  const service = createSecretService({ names: SECRET_NAMES, validation: 'spiffe', logger, ...changes });
  wire = await serveSecrets(service, () => session);
};

beforeEach(async () => {
  logged.length = 0;
  await start();
});
afterEach(() => wire.stop());

const namesOf = ({ resources }: DiscoveryResponse): readonly string[] =>
  resources.map(({ value }) => secretType.deserialize(Buffer.from(value)).name);

/** Waits until the server has taken in what was sent: what comes on one connection is handled in order. */
const settled = async (): Promise<void> => void (await wire.fetch({ resourceNames: ['default'] }));

const rotated = (edition: number) => workloadState({ svids: [heldSvid(WEB, edition)] });

describe('StreamSecrets', () => {
  // SDS-20, SDS-21, SDS-24, SDS-25
  test('answers, is accepted, and pushes', async () => {
    const { send, received } = wire.stream();
    send({ resourceNames: ['default', 'ROOTCA'], typeUrl: SECRET_TYPE_URL });
    const first = await received.next();
    expect(namesOf(first)).toEqual(['default', 'ROOTCA']);
    expect([first.typeUrl, first.resources[0]?.type_url]).toEqual([SECRET_TYPE_URL, SECRET_TYPE_URL]);
    expect([first.nonce, first.versionInfo].map(Boolean)).toEqual([true, true]);
    send({ resourceNames: ['default', 'ROOTCA'], responseNonce: first.nonce ?? '' });
    await settled();
    expect(received.waiting).toBe(0);
    session.have(rotated(2));
    const second = await received.next();
    expect(namesOf(second)).toEqual(['default', 'ROOTCA']);
    expect(second.nonce).not.toBe(first.nonce);
  });

  // SDS-28
  test('waits for the state of the caller', async () => {
    session = new StandInSession();
    const { send, received } = wire.stream();
    send({ resourceNames: ['default'] });
    while (session.watchers === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(received.waiting).toBe(0);
    session.have(workloadState());
    expect(namesOf(await received.next())).toEqual(['default']);
  });

  // SDS-28, SDS-29
  test('ends with InvalidArgument for a name of nobody', async () => {
    const { send, received } = wire.stream();
    send({ resourceNames: ['default', 'file-root:system'] });
    expect(await received.ending()).toBe(
      '3 workload is not authorized for the requested identities ["file-root:system"]',
    );
    await settled();
    expect(session.watchers).toBe(0);
  });

  // SDS-31
  test('ends with InvalidArgument for another type', async () => {
    const { send, received } = wire.stream();
    send({ typeUrl: 'type.googleapis.com/envoy.config.listener.v3.Listener' });
    expect(await received.ending()).toBe('3 only secrets are served here');
  });

  // SDS-30
  test('ends with PermissionDenied when an identity is withdrawn', async () => {
    const { send, received } = wire.stream();
    send({ resourceNames: [WEB, 'ROOTCA'] });
    await received.next();
    session.have(workloadState({ svids: [heldSvid('spiffe://example.org/db')] }));
    expect(await received.ending()).toBe(`7 no longer issued to this workload: ["${WEB}"]`);
  });

  // SDS-28
  test.each([
    ['7 no identity issued (decision d-17)', new Refusal('no_identity', 'no identity issued', { decisionId: 'd-17' })],
    [
      '7 no identity issued, see d-17',
      new Refusal('no_identity', 'no identity issued, see d-17', { decisionId: 'd-17' }),
    ],
    ['14 attestation failed', new Refusal('unavailable', 'attestation failed', { reason: 'secret reason' })],
    ['14 the agent stops', new Refusal('busy', 'the agent stops')],
    ['14 internal error', new Refusal('conflict', 'what is this')],
    ['14 internal error', new Error('a bug')],
  ])('ends with %s', async (ending, refusal) => {
    const [early, late] = [wire.stream(), wire.stream()];
    late.send({ resourceNames: ['default'] });
    await late.received.next();
    session.refuse(refusal);
    early.send({ resourceNames: ['default'] });
    expect(await Promise.all([early.received.ending(), late.received.ending()])).toEqual([ending, ending]);
    expect(session.watchers).toBe(0);
  });

  test('ends with Unavailable when its connection has closed', async () => {
    wire.stop();
    const service = createSecretService({ names: SECRET_NAMES, validation: 'spiffe', logger });
    wire = await serveSecrets(service, () => undefined);
    const { send, received } = wire.stream();
    send({ resourceNames: ['default'] });
    expect(await received.ending()).toBe('14 the connection is closed');
    await expect(wire.fetch({})).rejects.toThrow('14 the connection is closed');
  });

  test('ends with Unavailable when the agent closes', async () => {
    const [asked, silent, deltas] = [wire.stream(), wire.stream(), wire.delta()];
    asked.send({ resourceNames: ['default'] });
    deltas.send({ resourceNamesSubscribe: ['default'] });
    await Promise.all([asked.received.next(), deltas.received.next()]);
    silent.send({ resourceNames: ['ROOTCA'] });
    await settled();
    wire.closing();
    for (const { received } of [asked, deltas]) expect(await received.ending()).toBe('14 the agent is shutting down');
    await silent.received.next();
    expect(await silent.received.ending()).toBe('14 the agent is shutting down');
    expect([wire.open(), session.watchers]).toEqual([0, 0]);
  });

  test('ends with InvalidArgument when the client never asked', async () => {
    const { call, received } = wire.stream();
    call.end();
    expect(await received.ending()).toBe('3 the stream ended before its first request');
  });

  test('goes on when the client says that it asks nothing more', async () => {
    const { call, send, received } = wire.stream();
    send({ resourceNames: ['default'] });
    call.end();
    await received.next();
    session.have(rotated(2));
    expect(namesOf(await received.next())).toEqual(['default']);
  });

  test('forgets a client that leaves', async () => {
    const { call, send, received } = wire.stream();
    send({ resourceNames: ['default'] });
    await received.next();
    call.cancel();
    await received.ending();
    while (session.watchers > 0) await new Promise((resolve) => setImmediate(resolve));
    expect(wire.open()).toBe(0);
    session.have(rotated(2));
    expect(logged).toEqual([]);
  });

  test('gives a slow reader the newest and nothing in between', async () => {
    const { call, send, received } = wire.stream();
    send({ resourceNames: ['default'] });
    await received.next();
    call.pause();
    // Larger than what the connection takes at once, so that the next ones find it full.
    const large = (edition: number) =>
      workloadState({ svids: [{ ...heldSvid(WEB, edition), chain: [Buffer.alloc(400_000, edition)] }] });
    for (let edition = 2; edition <= 40; edition++) {
      session.have(large(edition));
      await new Promise((resolve) => setImmediate(resolve));
    }
    call.resume();
    const versions: string[] = [];
    let last: Buffer | undefined;
    while (last?.includes(40) !== true) {
      const response = await received.next();
      versions.push(response.versionInfo ?? '');
      const secret = secretType.deserialize(Buffer.from(response.resources[0]?.value ?? []));
      const pem = Buffer.from(secret.tlsCertificate?.certificateChain.inlineBytes ?? []).toString();
      last = Buffer.from(pem.split('\n')[1] ?? '', 'base64');
    }
    expect(versions.length).toBeLessThan(12);
  });

  // SDS-23
  test('logs a refusal once, bounded and without what looks like a secret', async () => {
    const { send, received } = wire.stream();
    send({ node: { id: `sidecar\n${'x'.repeat(500)}` }, resourceNames: ['default'] });
    const { nonce = '' } = await received.next();
    const message = `bad\r\ncertificate\u0007 ${'y'.repeat(1000)}`;
    for (let times = 0; times < 3; times++) {
      send({ resourceNames: ['default'], responseNonce: nonce, errorDetail: { code: 13, message } });
    }
    await settled();
    expect(logged).toHaveLength(1);
    const { fields } = logged[0] ?? {};
    expect(fields?.['refusal']).toMatch(/^bad certificate y{200,300}…$/);
    expect(fields?.['node']).toMatch(/^sidecar x{80,100}…$/);
    session.have(rotated(2));
    const second = await received.next();
    const leak = 'failed on -----BEGIN PRIVATE KEY-----\nMIGH';
    send({ resourceNames: ['default'], responseNonce: second.nonce ?? '', errorDetail: { code: 13, message: leak } });
    await settled();
    expect(logged.map(({ fields: each }) => each?.['refusal']).at(-1)).toBe('failed on');
    expect(received.waiting).toBe(0);
  });

  // SDS-9
  test('writes plain roots for an Envoy that asks for them, by its first request', async () => {
    const { send, received } = wire.stream();
    const metadata = { fields: { disable_spiffe_cert_validation: { stringValue: 'true' } } };
    send({ node: { id: 'old', metadata }, resourceNames: ['ROOTCA'] });
    const first = await received.next();
    const secret = secretType.deserialize(Buffer.from(first.resources[0]?.value ?? []));
    expect(secret.validationContext?.trustedCa?.inlineBytes.length).toBeGreaterThan(0);
    // SDS-10
    send({ resourceNames: ['ALL'], responseNonce: first.nonce ?? '' });
    expect(await received.ending()).toMatch(/^3 workload is not authorized .* \["ALL"\]$/);
  });
});

describe('DeltaSecrets', () => {
  // SDS-40 … SDS-44
  test('answers, is accepted, and pushes what changed', async () => {
    const { send, received } = wire.delta();
    send({ resourceNamesSubscribe: ['default', 'ROOTCA', 'nobody'] });
    const first = await received.next();
    expect(first.resources.map(({ name }) => name)).toEqual(['default', 'ROOTCA']);
    expect(first.resources.every(({ version }) => version !== '')).toBe(true);
    expect([first.removedResources, first.typeUrl]).toEqual([['nobody'], SECRET_TYPE_URL]);
    send({ responseNonce: first.nonce });
    await settled();
    expect(received.waiting).toBe(0);
    session.have(rotated(2));
    const second = await received.next();
    expect(second.resources.map(({ name }) => name)).toEqual(['default']);
    expect(second.nonce).not.toBe(first.nonce);
  });

  // SDS-43
  test('does not send again what the client holds', async () => {
    const one = wire.delta();
    one.send({ resourceNamesSubscribe: ['default', 'ROOTCA'] });
    const { resources } = await one.received.next();
    const two = wire.delta();
    two.send({
      resourceNamesSubscribe: ['default', 'ROOTCA'],
      initialResourceVersions: Object.fromEntries(resources.map(({ name, version }) => [name, version])),
    });
    await settled();
    session.have(rotated(2));
    expect((await two.received.next()).resources.map(({ name }) => name)).toEqual(['default']);
  });

  test('ends when no identity is left', async () => {
    const { send, received } = wire.delta();
    send({ resourceNamesSubscribe: ['default'] });
    await received.next();
    session.refuse(new Refusal('no_identity', 'no identity issued'));
    expect(await received.ending()).toBe('7 no identity issued');
  });

  test('logs a refusal', async () => {
    const { send, received } = wire.delta();
    send({ resourceNamesSubscribe: ['nobody'] });
    const { nonce } = await received.next();
    send({ responseNonce: nonce, errorDetail: { code: 3, message: 'Missing SDS resources' } });
    await settled();
    expect(logged.map(({ fields }) => fields?.['refusal'])).toEqual(['Missing SDS resources']);
    expect(received.waiting).toBe(0);
  });
});

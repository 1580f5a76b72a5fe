import { Metadata } from '@grpc/grpc-js';
import { secretType } from '../../../src/adapters/sds/messages.ts';
import { createSecretService } from '../../../src/adapters/sds/secret-service.ts';
import { SECRET_NAMES } from '../../../src/adapters/sds/secrets.ts';
import type { Logger } from '../../../src/ports/logger.ts';
import { type SecretsWire, serveSecrets, StandInSession } from './secret-client.ts';
import { workloadState } from './workload-states.ts';

const silent = (): void => undefined;
const logger: Logger = { debug: silent, info: silent, warn: silent, error: silent, with: () => logger };

let wire: SecretsWire;
beforeEach(async () => {
  const service = createSecretService({ names: SECRET_NAMES, validation: 'spiffe', logger });
  wire = await serveSecrets(service, () => new StandInSession(workloadState()));
});
afterEach(() => wire.stop());

describe('odd input', () => {
  const raw = (bytes: Buffer): Promise<string> =>
    new Promise((resolve) => {
      const call = wire.client.makeBidiStreamRequest<Buffer, Buffer>(
        '/envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets',
        (value) => value,
        (value) => value,
        new Metadata(),
        {},
      );
      call.on('data', () => resolve('answered'));
      call.on('error', () => undefined);
      call.on('status', ({ code }) => resolve(`ended with ${code}`));
      call.write(bytes);
    });

  /** `depth` structs, each in a list in the one before: all of it metadata of a node. */
  const nested = (depth: number): Buffer => {
    const field = (number: number, content: Buffer): Buffer => {
      const length: number[] = [];
      for (let rest = content.length; ; rest >>>= 7) {
        length.push(rest < 0x80 ? rest : (rest & 0x7f) | 0x80);
        if (rest < 0x80) break;
      }
      return Buffer.concat([Buffer.from([(number << 3) | 2, ...length]), content]);
    };
    let value: Buffer = Buffer.alloc(0);
    for (let at = 0; at < depth; at++) value = field(6, field(1, value));
    const entry = Buffer.concat([field(1, Buffer.from('k')), field(2, value)]);
    return Buffer.concat([field(2, field(3, field(1, entry))), field(3, Buffer.from('default'))]);
  };

  test.each([
    ['bytes that are no message', Buffer.from([0xff, 0xff, 0xff]), 'ended with 13'],
    ['a name that is cut off', Buffer.from([0x1a, 0x7f, 0x61]), 'ended with 3'],
    ['metadata nested a little', nested(10), 'answered'],
    ['metadata nested without end', nested(5000), 'ended with 13'],
    ['an empty message', Buffer.alloc(0), 'answered'],
    [
      'fields of other versions',
      Buffer.concat([nested(1), Buffer.from([0x3a, 0x00, 0xfa, 0x01, 0x01, 0x61])]),
      'answered',
    ],
  ])('%s', async (_, bytes, outcome) => {
    expect(await raw(bytes)).toBe(outcome);
    // The others are served on.
    const { resources } = await wire.fetch({ resourceNames: ['default'] });
    expect(resources.map(({ value }) => secretType.deserialize(Buffer.from(value)).name)).toEqual(['default']);
  });
});

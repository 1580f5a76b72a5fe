import { type DiscoveryResponse, SECRET_TYPE_URL, secretType } from '../../../src/adapters/sds/messages.ts';
import { createSecretService } from '../../../src/adapters/sds/secret-service.ts';
import { SECRET_NAMES } from '../../../src/adapters/sds/secrets.ts';
import { Refusal } from '../../../src/domain/refusal.ts';
import type { Logger } from '../../../src/ports/logger.ts';
import { type SecretsWire, serveSecrets, StandInSession } from './secret-client.ts';
import { WEB, workloadState } from './workload-states.ts';

const silent = (): void => undefined;
const logger: Logger = { debug: silent, info: silent, warn: silent, error: silent, with: () => logger };

let wire: SecretsWire;
let session: StandInSession;
beforeEach(async () => {
  session = new StandInSession(workloadState());
  const service = createSecretService({ names: SECRET_NAMES, validation: 'spiffe', logger });
  wire = await serveSecrets(service, () => session);
});
afterEach(() => wire.stop());

const namesOf = ({ resources }: DiscoveryResponse): readonly string[] =>
  resources.map(({ value }) => secretType.deserialize(Buffer.from(value)).name);

describe('FetchSecrets', () => {
  // SDS-60
  test('answers once, with neither version nor nonce', async () => {
    const response = await wire.fetch({ resourceNames: ['default', 'ALL'], typeUrl: SECRET_TYPE_URL });
    expect(namesOf(response)).toEqual(['default', 'ALL']);
    expect([response.versionInfo, response.nonce, response.typeUrl]).toEqual(['', '', SECRET_TYPE_URL]);
  });

  test('gives everything to who names nothing', async () => {
    expect(namesOf(await wire.fetch({}))).toContain(WEB);
  });

  test.each([
    ['3 workload is not authorized for the requested identities ["x"]', { resourceNames: ['x'] }],
    ['3 only secrets are served here', { typeUrl: 'x' }],
  ])('refuses: %s', async (ending, request) => {
    await expect(wire.fetch(request)).rejects.toThrow(ending);
  });

  test('does not wait', async () => {
    session.refuse(new Refusal('unavailable', 'not synchronised'));
    await expect(wire.fetch({})).rejects.toThrow('14 not synchronised');
  });
});

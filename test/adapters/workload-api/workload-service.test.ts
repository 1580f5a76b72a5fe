import { status } from '@grpc/grpc-js';
import {
  callOnce,
  connectWorkload,
  openStream,
  startWorkloadApi,
  type WorkloadClient,
  type WorkloadWorld,
} from '../../support/workload-stand-in.ts';

let world: WorkloadWorld;
let client: WorkloadClient;
beforeEach(async () => {
  world = await startWorkloadApi();
  client = connectWorkload(world.path);
});
afterEach(async () => {
  client.close();
  await world.stop();
});

test('gives X.509-SVIDs', async () => {
  const stream = openStream(client, 'FetchX509SVID');
  const message = await stream.next();
  expect(message).toMatchObject({ svids: [{ spiffeId: 'spiffe://example.org/payments/api' }] });
  stream.cancel();
  expect(await stream.ended()).toMatchObject({ code: status.CANCELLED });
  expect(await callOnce(client, 'FetchJWTSVID', { audience: ['a'] })).toMatchObject({
    svids: [{ svid: 'token.for.a.all' }],
  });
  expect(await callOnce(client, 'ValidateJWTSVID', { audience: 'a', svid: 'x' })).toMatchObject({});
});

import { once } from 'node:events';
import {
  credentials,
  type handleUnaryCall,
  loadPackageDefinition,
  Metadata,
  type ServiceClientConstructor,
  status,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { service as healthDefinition } from 'grpc-health-check';
import { fileURLToPath } from 'node:url';
import { dirname, join } from 'node:path';
import { workloadDefinition } from '../../../src/adapters/workload-api/workload-definition.ts';
import {
  callOnce,
  connectWorkload,
  startWorkloadApi,
  type WorkloadClient,
  type WorkloadWorld,
} from '../../support/workload-stand-in.ts';

/** What is served beside the Workload API. */

const worlds: WorkloadWorld[] = [];
const start = async (...options: Parameters<typeof startWorkloadApi>): Promise<WorkloadWorld> => {
  const world = await startWorkloadApi(...options);
  worlds.push(world);
  return world;
};
const clients: WorkloadClient[] = [];
const connectTo = (world: WorkloadWorld, Client?: ServiceClientConstructor): WorkloadClient => {
  const client =
    Client === undefined
      ? connectWorkload(world.path)
      : new Client(`unix:${world.path}`, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
  clients.push(client);
  return client;
};
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await Promise.all(worlds.splice(0).map((world) => world.stop()));
});

describe('beside the workload API, without its header (WLE-5, WLE-16)', () => {
  const Health = loadPackageDefinition({ 'grpc.health.v1.Health': healthDefinition }) as never as {
    readonly grpc: { readonly health: { readonly v1: { readonly Health: ServiceClientConstructor } } };
  };
  const check = (client: WorkloadClient, service: string): Promise<unknown> =>
    callOnce(client, 'check', { service }, new Metadata());

  test('health tells whether the agent serves', async () => {
    const world = await start();
    const client = connectTo(world, Health.grpc.health.v1.Health);
    for (const service of ['', 'SpiffeWorkloadAPI']) {
      expect(await check(client, service)).toMatchObject({ status: 'NOT_SERVING' });
      world.api.setServing(true);
      expect(await check(client, service)).toMatchObject({ status: 'SERVING' });
      world.api.setServing(false);
    }
    await expect(check(client, 'other')).rejects.toMatchObject({ code: status.NOT_FOUND });
  });

  test.each(['v1', 'v1alpha'])('reflection %s names the services', async (version) => {
    const folder = join(dirname(fileURLToPath(import.meta.resolve('@grpc/reflection'))), '../proto/grpc/reflection');
    const definition = loadSync(join(folder, version, 'reflection.proto'));
    const Reflection = (
      loadPackageDefinition(definition) as never as {
        grpc: { reflection: Record<string, { ServerReflection: ServiceClientConstructor }> };
      }
    ).grpc.reflection[version]!.ServerReflection;
    const client = connectTo(await start(), Reflection) as never as Record<string, () => import('node:stream').Duplex>;
    const call = client['serverReflectionInfo']!();
    call.write({ listServices: '*' });
    const [answer] = (await once(call, 'data')) as [{ listServicesResponse: { service: readonly { name: string }[] } }];
    expect(answer.listServicesResponse.service.map(({ name }) => name)).toContain('SpiffeWorkloadAPI');
    call.write({ fileContainingSymbol: 'SpiffeWorkloadAPI' });
    const [file] = (await once(call, 'data')) as [
      { fileDescriptorResponse: { fileDescriptorProto: readonly Buffer[] } },
    ];
    expect(file.fileDescriptorResponse.fileDescriptorProto.length).toBeGreaterThan(0);
    for (const symbol of ['SpiffeWorkloadAPI.FetchX509SVID', 'X509SVID', 'google.protobuf.Struct']) {
      call.write({ fileContainingSymbol: symbol });
      expect((await once(call, 'data'))[0]).toHaveProperty('fileDescriptorResponse');
    }
    call.write({ fileContainingSymbol: 'Nothing' });
    expect((await once(call, 'data'))[0]).toMatchObject({ errorResponse: { errorCode: status.NOT_FOUND } });
    call.end();
    expect((await once(call.resume(), 'status'))[0]).toMatchObject({ code: status.OK });
  });

  test('a further service finds its caller, and hears of the end', async () => {
    const ends: string[] = [];
    const world = await start({
      services: [
        {
          definition: { Fetch: { ...workloadDefinition['FetchJWTSVID']!, path: '/other.Service/Fetch' } },
          implement: ({ sessionOf, whenClosing }) => {
            whenClosing(() => ends.push('kept'));
            whenClosing(() => ends.push('taken back'))();
            const Fetch: handleUnaryCall<unknown, unknown> = (call, respond) => {
              respond(null, { svids: [{ spiffeId: sessionOf(call) === undefined ? 'nobody' : 'somebody' }] });
            };
            return { Fetch };
          },
        },
      ],
    });
    const { Other } = loadPackageDefinition({
      Other: { fetch: { ...workloadDefinition['FetchJWTSVID']!, path: '/other.Service/Fetch' } },
    });
    const client = connectTo(world, Other as ServiceClientConstructor);
    expect(await callOnce(client, 'fetch', {})).toMatchObject({ svids: [{ spiffeId: 'somebody' }] });
    await world.api.close();
    expect(ends).toEqual(['kept']);
  });
});

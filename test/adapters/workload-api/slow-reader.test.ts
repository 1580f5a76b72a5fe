import { Refusal } from '../../../src/domain/refusal.ts';
import { frame, grpcHeaders, HEADERS, RawHttp2, SECURITY, WINDOW_UPDATE, X509_PATH } from '../../support/raw-http2.ts';
import { startWorkloadApi } from '../../support/workload-stand-in.ts';

/** More than a client that opens no window is sent. */
const LARGE = 70_000;

test('a client that does not read hears that it lost its identity, and nothing that came before that unsent (DEC-36)', async () => {
  const world = await startWorkloadApi();
  const { state } = world.sessions;
  const large = (octet: number) => ({
    ...state,
    svids: state.svids.map((svid) => ({ ...svid, chain: [Buffer.alloc(LARGE, octet)] })),
  });
  world.sessions.state = large(1);
  const raw = await RawHttp2.open(world.path);
  raw.request(1, [...grpcHeaders(X509_PATH), SECURITY]);
  await raw.answer(1);
  world.sessions.change(large(2));
  world.sessions.fail(new Refusal('no_identity', 'no identity issued'));

  const room = Buffer.alloc(4);
  room.writeUInt32BE(10 * LARGE);
  raw.send(frame(WINDOW_UPDATE, 0, 0, room), frame(WINDOW_UPDATE, 0, 1, room));
  const isOver = (): boolean => raw.frames.filter(({ type, stream }) => type === HEADERS && stream === 1).length === 2;
  await raw.until(isOver);
  const { headers, data } = await raw.answer(1);
  expect(headers).toMatchObject({ 'grpc-status': '7', 'grpc-message': 'no%20identity%20issued' });
  expect(data.length).toBeLessThan(2 * LARGE);
  raw.close();
  await world.stop();
});

import { ConnectionError } from '../../../../src/adapters/workload-api/http2/frames.ts';
import { PeerSettings } from '../../../../src/adapters/workload-api/http2/peer-settings.ts';
import { setting } from '../../../support/http2-server.ts';

const after = (...settings: readonly Buffer[]): readonly number[] => {
  const peer = new PeerSettings();
  peer.read(Buffer.concat(settings));
  return [peer.initialWindowBytes, peer.maxFrameBytes];
};

describe('what a client wants us to keep to (RFC 9113 §6.5.2)', () => {
  test('is what is usual until it says otherwise', () => {
    expect(after()).toEqual([65_535, 16_384]);
  });

  test('is the last that it says, and only what we know', () => {
    expect(after(setting(4, 1), setting(5, 20_000), setting(4, 0), setting(1, 0), setting(0xfe03, 9))).toEqual([
      0, 20_000,
    ]);
    expect(after(setting(4, 0x7fff_ffff), setting(5, 0xff_ffff), setting(2, 1))).toEqual([0x7fff_ffff, 0xff_ffff]);
  });

  test.each<[string, Buffer, number]>([
    ['a window too wide', setting(4, 0x8000_0000), 3],
    ['frames too small', setting(5, 16_383), 1],
    ['frames too large', setting(5, 0x100_0000), 1],
    ['push that is neither on nor off', setting(2, 2), 1],
    ['a setting that is cut off', setting(4, 1).subarray(1), 6],
  ])('is refused: %s', (_name, content, code) => {
    expect(() => after(content)).toThrow(expect.objectContaining({ code }));
    expect(() => after(content)).toThrow(ConnectionError);
  });
});

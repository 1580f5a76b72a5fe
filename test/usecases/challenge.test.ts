import { instant } from '../../src/domain/instant.ts';
import { createChallenge, NONCE_BYTES, openChallenge } from '../../src/usecases/challenge.ts';

const NOW = instant(1_800_000_000_000);
const KEY = Buffer.alloc(32, 7);

let made = 0;
const make = (challengeKey: Uint8Array = KEY) =>
  createChallenge({
    clock: { now: () => NOW, monotonic: () => 0 },
    entropy: { bytes: (count) => Buffer.alloc(count, ++made) },
    challengeKey,
  });

// DEC-15
describe('challenge', () => {
  test('is good for a minute, and says what to spend', () => {
    const { nonce, expiresAt } = make();
    expect(nonce).toHaveLength(NONCE_BYTES);
    expect(expiresAt).toBe(NOW + 60_000);
    const spend = openChallenge(KEY, nonce, instant(expiresAt - 1));
    expect(spend).toEqual({ kind: 'challenge', key: expect.stringMatching(/^[0-9a-f]{44}$/), until: expiresAt / 1000 });
  });

  test('each is spent under a key of its own, the same on every look', () => {
    const one = make().nonce;
    expect(openChallenge(KEY, one, NOW).key).toBe(openChallenge(KEY, one, NOW).key);
    expect(openChallenge(KEY, one, NOW).key).not.toBe(openChallenge(KEY, make().nonce, NOW).key);
  });

  const refused = (reason: RegExp) =>
    expect.objectContaining({ code: 'attestation_refused', reason: expect.stringMatching(reason) });

  test('is refused from the last millisecond on', () => {
    const { nonce, expiresAt } = make();
    expect(() => openChallenge(KEY, nonce, expiresAt)).toThrow(refused(/expired/));
  });

  test('is refused when made under another key', () => {
    expect(() => openChallenge(KEY, make(Buffer.alloc(32, 8)).nonce, NOW)).toThrow(refused(/not made by/));
  });

  test('is refused with any bit changed', () => {
    const { nonce } = make();
    for (let at = 0; at < nonce.length; at++) {
      const changed = Buffer.from(nonce);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(() => openChallenge(KEY, changed, NOW)).toThrow(refused(/not made by/));
    }
  });

  test.each([0, 1, NONCE_BYTES - 1, NONCE_BYTES + 1])('is refused with %d octets', (length) => {
    expect(() => openChallenge(KEY, Buffer.alloc(length), NOW)).toThrow(refused(/length/));
  });
});

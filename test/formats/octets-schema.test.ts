import { OctetsInBase64 } from '../../src/formats/octets-schema.ts';

test('octets in standard base64 are read', () => {
  expect(OctetsInBase64.parse('+/8=')).toEqual(Buffer.from([0xfb, 0xff]));
});

test.each(['', '+/8', '-_8=', '+/9=', ' +/8=', 'é', 7, undefined])('%j is none', (value) => {
  expect(OctetsInBase64.safeParse(value).success).toBe(false);
});

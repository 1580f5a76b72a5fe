import { ipAddressOctets } from '../../src/formats/ip-address.ts';

test.each([
  ['127.0.0.1', '7f000001'],
  ['255.255.255.255', 'ffffffff'],
  ['::', '00000000000000000000000000000000'],
  ['::1', '00000000000000000000000000000001'],
  ['fe80::', 'fe800000000000000000000000000000'],
  ['2001:db8::a:b', '20010db80000000000000000000a000b'],
  ['1:2:3:4:5:6:7:8', '00010002000300040005000600070008'],
  ['::ffff:10.0.0.1', '00000000000000000000ffff0a000001'],
])('%s', (text, expected) => {
  expect(ipAddressOctets(text).toString('hex')).toBe(expected);
});

test.each(['', 'localhost', '1.2.3', '1.2.3.256', '01.2.3.4', '1::2::3', ':::', 'fe80::1%eth0', '[::1]', '10.0.0.0/8'])(
  'refuses %j',
  (text) => {
    expect(() => ipAddressOctets(text)).toThrow(RangeError);
  },
);

import { BlockList, isIP } from 'node:net';

const forbidden4 = new BlockList();
// RFC 6890 and its registry: this network, private, shared, loopback, link-local (with the clouds' metadata service),
// protocol assignments, documentation, benchmarking, multicast, reserved.
for (const [net, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const) {
  forbidden4.addSubnet(net, prefix, 'ipv4');
}

const global6 = new BlockList();
global6.addSubnet('2000::', 3, 'ipv6');

const forbidden6 = new BlockList();
// Inside the global range: special assignments with Teredo, documentation, and 6to4, which carries an IPv4 address.
forbidden6.addSubnet('2001::', 23, 'ipv6');
forbidden6.addSubnet('2001:db8::', 32, 'ipv6');
forbidden6.addSubnet('2002::', 16, 'ipv6');
forbidden6.addSubnet('3fff::', 20, 'ipv6');

/**
 * Whether an address may be connected to on the word of someone we do not trust (JA-11): a global unicast address and
 * nothing else. Addresses of IPv4 inside IPv6 are refused whatever they hold.
 */
export const isPublicAddress = (address: string): boolean => {
  switch (isIP(address)) {
    case 4:
      return !forbidden4.check(address, 'ipv4');
    case 6:
      return global6.check(address, 'ipv6') && !forbidden6.check(address, 'ipv6');
    default:
      return false;
  }
};

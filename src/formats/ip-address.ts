import { isIPv4, isIPv6 } from 'node:net';

const ipv4Octets = (text: string): number[] => text.split('.').map(Number);

const groups = (text: string): number[] =>
  text === ''
    ? []
    : text.split(':').flatMap((group) => {
        if (!group.includes('.')) return [Number.parseInt(group, 16)];
        const [a = 0, b = 0, c = 0, d = 0] = ipv4Octets(group);
        return [a * 256 + b, c * 256 + d];
      });

/** The 4 or 16 octets of an IP address, as iPAddress names of certificates hold them (RFC 5280 §4.2.1.6). */
export const ipAddressOctets = (text: string): Buffer => {
  if (isIPv4(text)) return Buffer.from(ipv4Octets(text));
  if (!isIPv6(text) || text.includes('%')) throw new RangeError(`not an IP address: ${text}`);
  const [head = '', tail] = text.split('::');
  const before = groups(head);
  const after = tail === undefined ? [] : groups(tail);
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => 0);
  return Buffer.from([...before, ...zeros, ...after].flatMap((group) => [group >> 8, group & 0xff]));
};

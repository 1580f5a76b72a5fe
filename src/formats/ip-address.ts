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

/**
 * What counts as one source of requests. An IPv6 host owns 2^64 addresses, so the first four groups count; an IPv4 address in
 * IPv6 form is an IPv4 address; anything else stands for itself.
 */
export const sourceKey = (source: string): string => {
  if (source.startsWith('::ffff:')) return source.slice('::ffff:'.length);
  if (!isIPv6(source)) return source;
  const [head = '', tail] = source.split('%', 1).join('').split('::');
  const front = head === '' ? [] : head.split(':');
  const back = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : 8 - front.length - back.length;
  const groups = [...front, ...Array.from({ length: Math.max(0, zeros) }, () => '0'), ...back];
  return groups.slice(0, 4).join(':');
};

/**
 * Keys of the flawed generator behind CVE-2017-15361 leave a mark: modulo each of these primes the modulus is a power of
 * 65537. A sound modulus has it for all of them with a chance of about 2^-27.
 */
const PRIMES = [
  3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113,
  127, 131, 137, 139, 149, 151, 157, 163, 167,
];

const powersOf65537 = (prime: number): ReadonlySet<number> => {
  const powers = new Set<number>();
  for (let power = 1; !powers.has(power); power = (power * (65537 % prime)) % prime) powers.add(power);
  return powers;
};

const MARKS = PRIMES.map((prime) => ({ prime: BigInt(prime), powers: powersOf65537(prime) }));

/** Whether an RSA modulus (octets, most significant first) carries the mark, so that its private key can be computed. */
export const isRocaModulus = (modulus: Uint8Array): boolean => {
  const n = BigInt(`0x${Buffer.from(modulus).toString('hex')}`);
  return MARKS.every(({ prime, powers }) => powers.has(Number(n % prime)));
};

import { dnsNameProblem, entryCommonNameProblem } from '../../src/domain/certificate-names.ts';

const NOT_MATCHED = 'the DNS name matches no configured pattern';
const NO_WILDCARD = 'a wildcard is allowed only where a configured pattern equals it';
const BAD_LABELS = 'a DNS name is labels of a-z, 0-9 and "-", 1 to 63 each, joined by dots';
const label = (length: number) => 'a'.repeat(length);
const LONGEST = `${label(63)}.${label(63)}.${label(63)}.${label(61)}`;

// DEC-25
describe('a DNS name of an entry', () => {
  test.each([
    ['web.example.org', 'web.example.org'],
    ['web.example.org', '*.example.org'],
    ['a.b.example.org', '*.example.org'],
    ['web-1.example.org', 'web-*.example.org'],
    ['web.eu.example.org', 'web.*.example.org'],
    ['localhost', '*'],
    ['xn--bcher-kva.example.org', '*.example.org'],
    ['1.example.org', '*.example.org'],
    [LONGEST, '*'],
    ['*.example.org', '*.example.org'],
  ])('%s is accepted where %s is configured', (name, pattern) => {
    expect(dnsNameProblem(name, ['other.example', pattern])).toBeUndefined();
  });

  test.each([
    ['example.org', '*.example.org'],
    ['web.example.org.evil.example', '*.example.org'],
    ['evil-example.org', '*.example.org'],
    ['web.examplexorg', '*.example.org'],
    ['webexample.org', 'web.example.org'],
    ['web-example.org', 'web-*.example.org'],
    ['web.example.org', 'WEB.example.org'],
    ['web.example.org', 'web.example.or'],
    ['web.example.org', 'eb.example.org'],
    ['web.example.org', ''],
    ['web.example.org', '[a-z].example.org'],
    ['web.example.org', '(web|db).example.org'],
    ['web.example.org', String.raw`\w.example.org`],
    ['web.example.org', '^web.example.org$'],
  ])('%s is refused where only %j is configured: a pattern holds as a whole', (name, pattern) => {
    expect(dnsNameProblem(name, [pattern])).toBe(NOT_MATCHED);
  });

  test('is refused where nothing is configured, wildcard or not', () => {
    expect(dnsNameProblem('web.example.org', [])).toBe(NOT_MATCHED);
    expect(dnsNameProblem('*.example.org', [])).toBe(NO_WILDCARD);
  });

  test.each([
    ['*.example.org', '*'],
    ['*.example.org', '*.*.org'],
    ['*.web.example.org', '*.example.org'],
    ['*.org', '*.example.org'],
  ])('%s is no wildcard that %s allows', (name, pattern) => {
    expect(dnsNameProblem(name, [pattern])).toBe(NO_WILDCARD);
  });

  // RFC 1123 §2.1
  test.each([
    '',
    '.',
    'web.example.org.',
    '.web.example.org',
    'web..example.org',
    'Web.example.org',
    '-web.example.org',
    'web-.example.org',
    'we_b.example.org',
    'web.example.org\n',
    'web example.org',
    'wéb.example.org',
    'web.example.org:443',
    'https://web.example.org',
    `${label(64)}.example.org`,
    '*',
    '*.',
    '*.*.example.org',
    'web.*.example.org',
    'w*.example.org',
    '::1',
  ])('%j is not a host name, even where a pattern spells it out', (name) => {
    expect(dnsNameProblem(name, [name, '*'])).toBe(BAD_LABELS);
  });

  test.each(['10.0.0.1', '127.1', '1', 'web.example.7', '*.10', '127.0.0.0x1', '0x7f000001', '1.0x'])(
    '%s could be an IPv4 address',
    (name) => {
      expect(dnsNameProblem(name, [name, '*'])).toBe('the last label of a DNS name is not a number');
    },
  );

  test.each([`a.${LONGEST}`, `${LONGEST}.a`, `*.${LONGEST}`, `*.${LONGEST.slice(1)}`])(
    'of more than 253 bytes is refused',
    (name) => {
      expect(dnsNameProblem(name, [name])).toBe('a DNS name has at most 253 bytes');
    },
  );
});

// DEC-25
describe('a common name of an entry', () => {
  test.each([
    ['db-1', 'db-*'],
    ['Billing (EU)', 'Billing (EU)'],
    ['数据库', '*'],
  ])('%s is accepted where %s is configured', (name, pattern) => {
    expect(entryCommonNameProblem(name, ['x', pattern])).toBeUndefined();
  });

  test.each([
    ['no pattern', 'db-1', []],
    ['nothing in place of *', 'db-', ['db-*']],
    ['text in front', 'xdb-1', ['db-*']],
    ['text behind', 'db-1-x', ['db-1']],
    ['another case', 'DB-1', ['db-*']],
    ['a dot is a dot', 'dbx1', ['db.1']],
  ])('is refused: %s', (_, name, patterns) => {
    expect(entryCommonNameProblem(name, patterns)).toBe('the common name matches no configured pattern');
  });

  test.each([
    ['', 'a common name is not empty'],
    ['a'.repeat(65), 'a common name has at most 64 characters'],
    ['db\n1', 'a common name holds no control characters'],
    ['db\u202e1', 'a common name holds no control characters'],
  ])('%j is refused whatever is configured', (name, problem) => {
    expect(entryCommonNameProblem(name, ['*', name])).toBe(problem);
  });
});

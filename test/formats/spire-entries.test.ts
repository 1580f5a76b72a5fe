import { importSpireEntries } from '../../src/formats/spire-entries.ts';
import { parseJson } from '../../src/formats/json.ts';

const SAMPLE = `{
  "entries": [
    {
      "entry_id": "web-1",
      "selectors": [{ "type": "k8s", "value": "ns:prod" }, { "type": "k8s", "value": "sa:web" }],
      "spiffe_id": "spiffe://example.org/web",
      "parent_id": "spiffe://example.org/nodes",
      "x509_svid_ttl": 600,
      "jwt_svid_ttl": "120",
      "dns_names": ["web.svc.example.org"],
      "federates_with": ["spiffe://other.org"],
      "admin": false,
      "downstream": true,
      "hint": "external",
      "entry_expiry": 1900000000,
      "revision_number": 7,
      "created_at": 1700000000
    },
    {
      "selectors": [{ "type": "unix", "value": "uid:1000" }],
      "spiffe_id": { "trust_domain": "example.org", "path": "/db" },
      "parent_id": { "trust_domain": "example.org", "path": "/spire/server" },
      "ttl": 900,
      "x509_svid_ttl": 0,
      "admin": true,
      "store_svid": true,
      "colour": "red"
    },
    {
      "selectors": ["unix:uid:1"],
      "spiffe_id": "spiffe://example.org/x",
      "parent_id": "spiffe://example.org/spire/agent/join_token/abc"
    }
  ]
}`;

const one = (changes: object): unknown => ({
  entries: [{ spiffe_id: 'spiffe://example.org/a', selectors: [{ type: 'a', value: 'b' }], ...changes }],
});

const read = (document: unknown) => importSpireEntries(parseJson(JSON.stringify(document)));

describe('entries of another SPIFFE server', () => {
  test('come over with their IDs in both forms', () => {
    const { entries } = importSpireEntries(parseJson(SAMPLE));
    expect(entries).toEqual([
      {
        id: 'web-1',
        spiffeId: 'spiffe://example.org/web',
        parentId: 'spiffe://example.org/nodes',
        selectors: ['k8s:ns:prod', 'k8s:sa:web'],
        x509Ttl: 600,
        jwtTtl: 120,
        dnsNames: ['web.svc.example.org'],
        federatesWith: ['spiffe://other.org'],
        downstream: true,
        hint: 'external',
        expiresAt: 1_900_000_000,
      },
      {
        spiffeId: 'spiffe://example.org/db',
        parentId: 'spiffe://example.org/mayfly/server',
        selectors: ['unix:uid:1000'],
        dnsNames: [],
        federatesWith: [],
        downstream: false,
      },
      {
        spiffeId: 'spiffe://example.org/x',
        parentId: 'spiffe://example.org/spire/agent/join_token/abc',
        selectors: ['unix:uid:1'],
        dnsNames: [],
        federatesWith: [],
        downstream: false,
      },
    ]);
  });

  test('what has no counterpart is named', () => {
    const { notes } = importSpireEntries(parseJson(SAMPLE));
    expect(notes.map((note) => note.split(':')[0])).toEqual([
      'entries[1].admin',
      'entries[1].store_svid',
      'entries[1].colour',
      'entries[2].parent_id',
    ]);
  });

  test('the older name of a TTL counts when the newer is absent', () => {
    expect(read(one({ ttl: 900 })).entries[0]?.x509Ttl).toBe(900);
  });

  test.each(['entry_expiry', 'entryExpiry', 'expires_at'])('the expiry may be called %s', (name) => {
    expect(read(one({ [name]: 1_900_000_000 })).entries[0]?.expiresAt).toBe(1_900_000_000);
  });

  test.each<[string, unknown, string]>([
    ['no list', {}, 'entries'],
    ['a list alone', [], 'entries'],
    ['an entry that is no object', { entries: [1] }, 'entries[0]'],
    ['no ID', { entries: [{ selectors: [] }] }, 'entries[0].spiffe_id'],
    ['an ID of numbers', one({ spiffe_id: 1 }), 'entries[0].spiffe_id'],
    ['an ID without a trust domain', one({ spiffe_id: { path: '/a' } }), 'entries[0].spiffe_id'],
    ['no selectors', one({ selectors: null }), 'entries[0].selectors'],
    ['half a selector', one({ selectors: [{ type: 'a' }] }), 'entries[0].selectors[0]'],
    ['a TTL in words', one({ x509_svid_ttl: 'long' }), 'entries[0].x509_svid_ttl'],
    ['names of numbers', one({ dns_names: [1] }), 'entries[0].dns_names[0]'],
    ['one name in place of a list', one({ federates_with: 'other.org' }), 'entries[0].federates_with'],
    ['a hint of numbers', one({ hint: 1 }), 'entries[0].hint'],
  ])('%s is refused', (_what, document, field) => {
    expect(() => read(document)).toThrow(expect.objectContaining({ code: 'invalid_entry', field }));
  });
});

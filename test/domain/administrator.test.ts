import {
  requireEverywhere,
  requireMayWriteEntry,
  requireWithin,
  roleCovers,
  type Administrator,
} from '../../src/domain/administrator.ts';
import type { AdminRole, EntryFields } from '../../src/domain/entry.ts';
import { parseSpiffeId } from '../../src/domain/spiffe-id.ts';

const id = (path: string) => parseSpiffeId(`spiffe://example.org${path}`);

const admin = (role: AdminRole, prefix?: string): Administrator => ({
  name: id('/ops'),
  role,
  local: false,
  ...(prefix !== undefined && { prefix: id(prefix) }),
});

// DEC-28
describe('what an administrator may touch', () => {
  test('ends at the prefix, in whole segments', () => {
    const registrar = admin('registrar', '/db');
    expect(() => requireWithin(registrar, id('/db'))).not.toThrow();
    expect(() => requireWithin(registrar, id('/db/main'))).not.toThrow();
    for (const other of [id('/dbx'), id('/web'), parseSpiffeId('spiffe://example.com/db/main')]) {
      expect(() => requireWithin(registrar, other)).toThrow(expect.objectContaining({ code: 'forbidden' }));
    }
  });

  test('is everything without a prefix, or with that of the whole trust domain', () => {
    expect(() => requireEverywhere(admin('owner', '/db'))).toThrow(expect.objectContaining({ code: 'forbidden' }));
    expect(() => requireEverywhere(admin('owner', ''))).not.toThrow();
    expect(() => requireEverywhere(admin('owner'))).not.toThrow();
  });

  test('grows with the role', () => {
    expect(roleCovers('owner', 'viewer')).toBe(true);
    expect(roleCovers('revoker', 'revoker')).toBe(true);
    expect(roleCovers('revoker', 'registrar')).toBe(false);
    expect(roleCovers('viewer', 'owner')).toBe(false);
  });
});

test('whom a downstream entry lets in is an owner’s to say, also when the entry exists', () => {
  const entry: EntryFields = {
    spiffeId: id('/db/ca'),
    parentId: id('/mayfly/server'),
    selectors: ['x509pop:subject:cn:a'],
    dnsNames: [],
    federatesWith: [],
    downstream: true,
    grants: [],
    jwtAudiences: [],
  };
  const nobody = { resource: () => undefined, administratorsUnder: () => [] };
  const widened = { ...entry, selectors: ['x509pop:subject:cn:b'] };
  expect(() => requireMayWriteEntry(admin('registrar', '/db'), entry, widened, nobody)).toThrow(
    expect.objectContaining({ code: 'forbidden' }),
  );
  expect(() => requireMayWriteEntry(admin('owner', '/db'), entry, widened, nobody)).not.toThrow();
});

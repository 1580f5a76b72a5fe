import { isClosed, isServiceCredential } from '../../src/domain/secret-file.ts';

const OWN = 1000;
const file = { uid: 0, mode: 0o100440 };
const folder = { uid: 0, mode: 0o040550 };

test.each([0o400, 0o600, 0o700, 0o100400])('%o is closed to group and others', (mode) => {
  expect(isClosed({ mode })).toBe(true);
});

test.each([0o440, 0o404, 0o620, 0o601, 0o100410])('%o is not', (mode) => {
  expect(isClosed({ mode })).toBe(false);
});

test.each([
  ['as systemd leaves it to a user by an access control list', file, folder],
  ['as it leaves it to root', { uid: 0, mode: 0o100400 }, { uid: 0, mode: 0o040500 }],
  ['as it leaves it where there are no such lists', { uid: OWN, mode: 0o100440 }, { uid: OWN, mode: 0o040550 }],
])('a credential %s', (_case, ...[it, within]) => {
  expect(isServiceCredential(it, within, OWN)).toBe(true);
});

test.each([
  ['one of another user', { ...file, uid: 1001 }, folder],
  ['one that the group may write to', { ...file, mode: 0o100460 }, folder],
  ['one that the group may run', { ...file, mode: 0o100450 }, folder],
  ['one that others may read', { ...file, mode: 0o100444 }, folder],
  ['one in a folder of another user', file, { ...folder, uid: 1001 }],
  ['one in a folder that the group may write to', file, { ...folder, mode: 0o040770 }],
  ['one in a folder that others may write to', file, { ...folder, mode: 0o041757 }],
])('none: %s', (_case, ...[it, within]) => {
  expect(isServiceCredential(it, within, OWN)).toBe(false);
});

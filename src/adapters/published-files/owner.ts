import { readFileSync } from 'node:fs';

const numberOf = (file: string, name: string, field: number): number | undefined => {
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const fields = line.split(':');
    if (fields[0] === name) return Number(fields[field]);
  }
  return undefined;
};

const NUMBER = /^\d{1,10}$/;

const idOf = (file: string, name: string): number => {
  const id = NUMBER.test(name) ? Number(name) : numberOf(file, name, 2);
  if (id === undefined || !Number.isSafeInteger(id)) throw new RangeError(`${file} does not name ${name}`);
  return id;
};

/**
 * `user`, `user:group`, or numbers in place of names; the group is the user's own unless told. Names are looked up in the
 * machine's own files. Throws RangeError for a name that is not there, and for a number without a group that is nobody's.
 */
export const parseOwner = (text: string): { readonly uid: number; readonly gid: number } => {
  const [user = '', group, ...more] = text.split(':');
  if (user === '' || group === '' || more.length > 0) throw new RangeError('write user or user:group');
  const uid = idOf('/etc/passwd', user);
  if (group !== undefined) return { uid, gid: idOf('/etc/group', group) };
  const gid = NUMBER.test(user) ? undefined : numberOf('/etc/passwd', user, 3);
  if (gid === undefined) throw new RangeError(`name the group of ${user} too`);
  return { uid, gid };
};

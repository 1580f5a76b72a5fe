/** Owner and mode of a file or a folder, as `stat` or `lstat` gives them. */
export interface FileRights {
  readonly uid: number;
  readonly mode: number;
}

/** Whether group and others may do nothing with it. */
export const isClosed = ({ mode }: Pick<FileRights, 'mode'>): boolean => (mode & 0o077) === 0;

const isTrusted = ({ uid }: FileRights, own: number): boolean => uid === 0 || uid === own;

/**
 * Whether a file has the rights that systemd gives a credential of a service (systemd.exec(5), `LoadCredential=`). Its group
 * may seem able to read it: systemd lets the user of the service in by an access control list, whose mask shows in place of
 * the group's rights. File and folder must belong to root or `own`, nobody else may write to either, and others may not read
 * the file.
 */
export const isServiceCredential = (file: FileRights, folder: FileRights, own: number): boolean =>
  isTrusted(file, own) && isTrusted(folder, own) && (file.mode & 0o037) === 0 && (folder.mode & 0o022) === 0;

/** Whose a file or a folder is, and who may do what with it: as the file system tells it, links followed or not. */
export interface FileRights {
  readonly uid: number;
  readonly mode: number;
}

/** May nobody but its owner read it, write it, or look into it? */
export const isClosed = ({ mode }: Pick<FileRights, 'mode'>): boolean => (mode & 0o077) === 0;

const isTrusted = ({ uid }: FileRights, own: number): boolean => uid === 0 || uid === own;

/**
 * Is a file in the folder of credentials as a service manager leaves it there? It may look as if its group could read it: systemd lets
 * the user of a service in by an access control list, whose mask stands where the rights of the group do (systemd.exec(5),
 * `LoadCredential=`). File and folder must be root's or `own`, nobody else may write to either, and others may not read it.
 */
export const isCredential = (file: FileRights, folder: FileRights, own: number): boolean =>
  isTrusted(file, own) && isTrusted(folder, own) && (file.mode & 0o037) === 0 && (folder.mode & 0o022) === 0;

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The number that the kernel knows an open socket under. */
export const descriptorOf = (socket: Socket): number => {
  const { _handle: handle } = socket as unknown as { readonly _handle: { readonly fd: number } };
  return handle.fd;
};

/** Connects, and does what it is told by letters on its input: `x` another program, `r` the same again, `q` the end. */
const CALLER = `
const [path, ...rest] = process.argv.slice(1);
if (rest[0] === 'again') setInterval(() => {}, 1000);
else {
  const socket = require('node:net').connect(path);
  socket.on('error', () => {});
  process.stdin.on('data', (text) => {
    const letter = String(text)[0];
    if (letter === 'x') process.execve('/bin/sleep', ['sleep', '60'], {});
    if (letter === 'r') process.execve(process.execPath, [process.execPath, '-e', process.env.CALLER, path, 'again'], {});
    if (letter === 'q') process.exit();
  });
}`;

export interface Caller {
  readonly child: ChildProcess;
  readonly pid: number;
  /** The accepted end of its connection. */
  readonly socket: Socket;
  readonly descriptor: number;
  tell(letter: 'x' | 'r' | 'q'): void;
}

/** A Unix socket that other processes connect to. */
export class CallersSocket {
  readonly #folder = mkdtempSync(join(tmpdir(), 'mayfly-callers-'));
  /** Nothing is read, so that the end of a caller does not close our end. */
  readonly #server: Server = createServer({ pauseOnConnect: true });
  readonly #children: ChildProcess[] = [];
  readonly #sockets: Socket[] = [];

  get path(): string {
    return join(this.#folder, 's');
  }

  async listen(): Promise<this> {
    this.#server.listen(this.path);
    await once(this.#server, 'listening');
    return this;
  }

  /** The accepted end of the next connection. */
  async accepted(): Promise<Socket> {
    const [socket] = (await once(this.#server, 'connection')) as [Socket];
    this.#sockets.push(socket);
    socket.on('error', () => {});
    return socket;
  }

  /** A process of its own that has connected. */
  async caller(): Promise<Caller> {
    const accepted = this.accepted();
    const child = spawn(process.execPath, ['--no-warnings', '-e', CALLER, this.path], {
      stdio: ['pipe', 'ignore', 'ignore'],
      env: { CALLER },
    });
    this.#children.push(child);
    const socket = await accepted;
    const { pid } = child;
    if (pid === undefined) throw new Error('no process was started');
    return { child, pid, socket, descriptor: descriptorOf(socket), tell: (letter) => child.stdin?.write(letter) };
  }

  async close(): Promise<void> {
    for (const child of this.#children) child.kill('SIGKILL');
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** A way to a server that can be closed: what comes then waits, and what was open is cut. */
export class Way {
  readonly url: string;
  readonly #server: Server;
  readonly #open = new Set<Socket>();
  #waiting: (() => void)[] = [];
  #isClosed = false;

  private constructor(server: Server) {
    this.#server = server;
    this.url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async to(url: string): Promise<Way> {
    const port = Number(new URL(url).port);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const way = new Way(server);
    server.on('connection', (socket) => way.#take(socket, port));
    return way;
  }

  #take(socket: Socket, port: number): void {
    socket.on('error', () => {});
    const pass = (): void => {
      const onward = connect(port, '127.0.0.1');
      this.#open.add(socket).add(onward);
      onward.on('error', () => {});
      socket.pipe(onward).pipe(socket);
      socket.on('close', () => onward.destroy());
      onward.on('close', () => socket.destroy());
    };
    if (this.#isClosed) this.#waiting.push(pass);
    else pass();
  }

  close(): void {
    this.#isClosed = true;
    for (const socket of this.#open) socket.destroy();
    this.#open.clear();
  }

  reopen(): void {
    this.#isClosed = false;
    for (const pass of this.#waiting) pass();
    this.#waiting = [];
  }

  end(): void {
    this.close();
    this.#server.close();
  }
}

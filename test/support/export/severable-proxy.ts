import { connect, createServer, type Socket } from 'node:net';

/** A port of 127.0.0.1 that leads to another one until it is cut. */
export async function severableProxy(to: number): Promise<{ port: number; cut(): void }> {
  const sockets: Socket[] = [];
  const proxy = createServer((socket) => {
    const server = connect(to, '127.0.0.1');
    sockets.push(socket, server);
    for (const one of [socket, server]) one.on('error', () => {});
    socket.pipe(server).pipe(socket);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const address = proxy.address();
  if (typeof address !== 'object' || address === null) throw new Error('the proxy has no port');
  return {
    port: address.port,
    cut() {
      proxy.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';

export interface Received {
  readonly id: string;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly body: { readonly type: string; readonly timestamp: string; readonly data: Data };
}

/** What the tests look at, of an operation or of an item. */
export interface Data {
  readonly group?: number;
  readonly movements?: readonly { item_id: number; id: number; balance_after: number; delta: number }[];
  readonly [key: string]: unknown;
}

/** A receiver of webhooks on this machine, which does as it is told. */
export interface Receiver {
  readonly url: string;
  readonly received: Received[];
  /** How it answers: a status, or whatever a function does. */
  answer: number | ((response: ServerResponse, received: Received) => void);
  close(): Promise<void>;
}

export async function startReceiver(): Promise<Receiver> {
  const received: Received[] = [];
  const receiver = { url: '', received, answer: 204 as Receiver['answer'] };
  const server: Server = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => {
      text += chunk;
    });
    request.on('end', () => {
      const { headers } = request;
      const entry = {
        id: String(headers['webhook-id']),
        headers,
        text,
        body: JSON.parse(text),
      };
      received.push(entry);
      if (typeof receiver.answer === 'number') response.writeHead(receiver.answer).end();
      else receiver.answer(response, entry);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return Object.assign(receiver, {
    url: `http://127.0.0.1:${port}/hook`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

/** Whether a message is signed by a secret, by the reference implementation of Standard Webhooks. */
export function isSigned({ headers, text }: Received, secret: string): boolean {
  try {
    new Webhook(secret).verify(text, headers as Record<string, string>);
    return true;
  } catch {
    return false;
  }
}

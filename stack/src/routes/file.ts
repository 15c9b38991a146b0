import type { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import type { Spool } from '../spool/spool.js';

export const FileQuery = z.strictObject({
  bom: z
    .boolean()
    .default(false)
    .meta({ description: 'Begins the file with a byte order mark, by which Excel knows that it is UTF-8.' }),
});

/** Sends CSV that the database writes into the spool: it does not wait for who reads it. */
export async function sendFile(
  reply: FastifyReply,
  spool: Spool,
  name: string,
  { bom }: z.output<typeof FileQuery>,
  write: (take: (rows: Readable) => Promise<void>) => Promise<void>,
): Promise<FastifyReply> {
  const file = await spool.create();
  try {
    await write((rows) => file.store(bom ? withByteOrderMark(rows) : rows));
  } catch (error) {
    await file.close();
    throw error;
  }
  const content = file.read();
  content.once('close', () => void file.close());
  return reply
    .type('text/csv; charset=utf-8')
    .header('content-disposition', `attachment; filename="${name}"`)
    .send(content);
}

async function* withByteOrderMark(rows: Readable): AsyncGenerator<Buffer> {
  yield Buffer.from('\ufeff');
  for await (const chunk of rows) yield chunk as Buffer;
}

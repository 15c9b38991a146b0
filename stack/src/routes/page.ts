import type { FastifyReply } from 'fastify';
import type { Page } from '../repositories/keyset.js';
import { encodeCursor } from './cursor.js';

/** Sends a page of a list, with the cursor of the next one. */
export function sendPage(reply: FastifyReply, { json, last, total }: Page, sort: string): FastifyReply {
  const next = last && encodeCursor({ sort, ...last });
  const counted = total === undefined ? '' : `,"total":${total}`;
  return reply.json(`{"data":${json},"next_cursor":${JSON.stringify(next)}${counted}}`);
}

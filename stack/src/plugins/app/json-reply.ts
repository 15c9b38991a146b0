import type { FastifyReply } from 'fastify';
import fp from 'fastify-plugin';

declare module 'fastify' {
  interface FastifyReply {
    /** Sends text that is JSON already. */
    json(text: string): this;
  }
}

/** Answers whose JSON PostgreSQL has built. */
export default fp(
  async (app) => {
    app.decorateReply('json', function json(this: FastifyReply, text: string) {
      return this.type('application/json; charset=utf-8').send(text);
    });
  },
  { name: 'json-reply' },
);

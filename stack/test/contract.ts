import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import type { FastifyInstance, LightMyRequestResponse } from 'fastify';
import { RESPONSE_HEADERS } from '../src/plugins/external/response-headers.js';

/** Headers that not every answer of a status has. */
const NOT_ALWAYS = /^(idempotency-replayed|retry-after|x-ratelimit-.*)$/;

interface Operation {
  readonly responses: Record<
    string,
    {
      readonly headers?: Record<string, object>;
      readonly content?: Record<string, { readonly schema: object }>;
    }
  >;
}

/** Holds answers against the OpenAPI document of the app that gave them. */
export interface Contract {
  /** @throws when the document does not have the status, or the headers or the body are not as described. */
  check(method: string, url: string, response: LightMyRequestResponse): void;
}

export function contractOf(app: FastifyInstance): Contract {
  const document = app.swagger() as unknown as { paths: Record<string, Record<string, Operation>> };
  const ajv = addFormats.default(new Ajv2020({ strict: false, allErrors: true }));
  ajv.addSchema(document, 'openapi');
  const paths = Object.entries(document.paths).map(([path, operations]) => ({
    pattern: new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`),
    parameters: path.split('{').length,
    path,
    operations,
  }));
  // A fixed path comes before one with parameters, as in the router.
  paths.sort((a, b) => a.parameters - b.parameters);

  const validators = new Map<string, ReturnType<typeof ajv.compile>>();
  const compile = (path: string, method: string, status: number, type: string) => {
    const pointer = ['paths', path, method.toLowerCase(), 'responses', String(status), 'content', type];
    const escaped = pointer.map((part) =>
      encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1')),
    );
    return ajv.compile({ $ref: `openapi#/${escaped.join('/')}/schema` });
  };

  return {
    check(method, url, response) {
      const path = url.split('?', 1)[0] ?? '';
      const found = paths.find(
        ({ pattern, operations }) => pattern.test(path) && operations[method.toLowerCase()],
      );
      if (!found) throw new Error(`${method} ${path} is not documented`);
      const operation = found.operations[method.toLowerCase()];
      const where = `${method} ${found.path} ${response.statusCode}`;
      const documented = operation?.responses[response.statusCode];
      if (!documented) throw new Error(`${where} is not documented: ${response.body}`);
      const { headers = {} } = documented;
      for (const name of Object.keys(RESPONSE_HEADERS)) {
        const sent = response.headers[name] !== undefined;
        if (sent && !(name in headers)) throw new Error(`${where} has an undocumented header: ${name}`);
        if (!sent && name in headers && !NOT_ALWAYS.test(name)) throw new Error(`${where} lacks ${name}`);
      }
      if (!documented.content) {
        if (response.body !== '') throw new Error(`${where} has a body`);
        return;
      }
      const type = String(response.headers['content-type']).split(';', 1)[0] ?? '';
      const content = documented.content[type];
      if (!content) throw new Error(`${where} has the content type ${type}`);
      if (!type.endsWith('json')) return;
      const pointer = `${found.path}/${method.toLowerCase()}/responses/${response.statusCode}/content/${type}`;
      const validate = validators.get(pointer) ?? compile(found.path, method, response.statusCode, type);
      validators.set(pointer, validate);
      if (!validate(response.json())) {
        throw new Error(
          `${where} is not as documented: ${ajv.errorsText(validate.errors)}\n${response.body}`,
        );
      }
    },
  };
}

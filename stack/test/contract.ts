import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import type { FastifyInstance, LightMyRequestResponse } from 'fastify';

interface Operation {
  readonly responses: Record<string, { readonly content?: Record<string, { readonly schema: object }> }>;
}

/** Holds answers against the OpenAPI document of the app that gave them. */
export interface Contract {
  /** @throws when the document does not have the status, or the body is not as described. */
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

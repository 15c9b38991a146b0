/** What a header of an answer says, as an OpenAPI header object without its schema's frame. */
interface HeaderSchema {
  readonly type: 'string' | 'integer';
  readonly description: string;
}

/** The headers of answers that a client may act on. */
export const RESPONSE_HEADERS = {
  'content-disposition': {
    type: 'string',
    description: 'Has the browser save the file, and under which name.',
  },
  etag: { type: 'string', description: 'The version. Send it as If-Match to change just this one.' },
  'idempotency-replayed': {
    type: 'string',
    description: 'true: the operation had been done before, and this is its answer again.',
  },
  location: { type: 'string', description: 'Where the new one is.' },
  'retry-after': { type: 'integer', description: 'After so many seconds it is worth another try.' },
  'www-authenticate': { type: 'string', description: 'Bearer: how to authenticate.' },
  'x-ratelimit-limit': { type: 'integer', description: 'Requests that you may send in a minute.' },
  'x-ratelimit-remaining': { type: 'integer', description: 'How many of them are left.' },
  'x-ratelimit-reset': { type: 'integer', description: 'Seconds until all of them are there again.' },
  'x-request-id': { type: 'string', description: 'Names the request in the log; yours, if you sent one.' },
} satisfies Record<string, HeaderSchema>;

export type ResponseHeader = keyof typeof RESPONSE_HEADERS;

const RATE_LIMIT = ['x-ratelimit-limit', 'x-ratelimit-remaining', 'x-ratelimit-reset'] as const;

/**
 * The headers of an answer, those that come with its status and those that its route declares.
 *
 * @param declared by the route for this status.
 * @param limited whether the route counts requests.
 */
export function responseHeaders(
  status: string,
  declared: readonly ResponseHeader[],
  limited: boolean,
): Record<string, HeaderSchema> {
  const names: ResponseHeader[] = [
    ...declared,
    ...(status === '401' ? (['www-authenticate'] as const) : []),
    ...(status === '429' || (status === '503' && limited) ? (['retry-after'] as const) : []),
    // Who may not ask is not counted.
    ...(limited && !['401', '403'].includes(status) ? RATE_LIMIT : []),
    'x-request-id',
  ];
  return Object.fromEntries(names.map((name) => [name, RESPONSE_HEADERS[name]]));
}

// Takes lines as VictoriaLogs does (https://docs.victoriametrics.com/victorialogs/data-ingestion/#json-stream-api), and
// hands them out again. /away makes it answer 503 until /back. What Alertmanager posts to /webhook is at /told.
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';

const FILE = '/logs/lines.jsonl';
const told = [];
let taken = 0;
let isAway = false;

createServer(async (request, response) => {
  const { pathname, searchParams } = new URL(request.url, 'http://log-store');
  if (pathname === '/insert/jsonline' && request.method === 'POST') {
    const lines = (await text(request)).split('\n').filter((line) => line !== '');
    const streams = searchParams.get('_stream_fields')?.split(',') ?? [];
    const isWhole = lines.every((line) => {
      const fields = JSON.parse(line);
      return ['_time', '_msg', ...streams].every((name) => typeof fields[name] === 'string');
    });
    if (!isAway && isWhole) {
      appendFileSync(FILE, lines.map((line) => `${line}\n`).join(''));
      taken += lines.length;
    }
    response.statusCode = isAway ? 503 : isWhole ? 200 : 400;
    response.end();
  } else if (pathname === '/webhook') {
    told.push(JSON.stringify(JSON.parse(await text(request))));
    response.end();
  } else if (pathname === '/told') {
    response.end(told.join('\n'));
  } else if (pathname === '/lines') {
    response.end(existsSync(FILE) ? readFileSync(FILE) : '');
  } else if (pathname === '/away' || pathname === '/back') {
    isAway = pathname === '/away';
    response.end();
  } else if (pathname === '/metrics') {
    response.end(`vl_rows_ingested_total{type="jsonline"} ${taken}\n`);
  } else {
    response.statusCode = pathname === '/health' ? 200 : 404;
    response.end('OK');
  }
}).listen(9428);

process.on('SIGTERM', () => process.exit());

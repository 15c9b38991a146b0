/** A stack that invctl did not make: other names, .yml, a list of variables, a URL, a password in clear. */
export const FOREIGN: Record<string, string> = {
  'docker-compose.yml': `name: NAME
services:
  warehouse:
    build: ./web
    ports:
      - "127.0.0.1:PORT:8000"
    environment:
      - DATABASE_URL=postgresql+asyncpg://stock:once-upon-a-time@records:5432/stock
      - APP_SECRET_KEY=\${APP_SECRET_KEY}
    env_file:
      - settings.env
    depends_on:
      records:
        condition: service_healthy
  records:
    image: postgres:16
    user: postgres
    environment:
      - POSTGRES_USER=stock
      - POSTGRES_PASSWORD=once-upon-a-time
    volumes:
      - records:/var/lib/postgresql/data
    healthcheck:
      test: pg_isready -h 127.0.0.1 -U stock
      interval: 30s
      start_period: 2m
      start_interval: 250ms
volumes:
  records:
`,
  '.env': 'APP_SECRET_KEY=l0ng-enough-and-random\n',
  'settings.env': 'GREETING=hello\nLOG_LEVEL=info\n',
  'settings.env.example': 'GREETING=\nLOG_LEVEL=\n',
  'web/Dockerfile': `FROM node:24-slim
WORKDIR /srv
COPY server.cjs ./
USER 1000
EXPOSE 8000
CMD ["node", "server.cjs"]
`,
  'web/server.cjs':
    "require('node:http').createServer((_, response) => response.end('ok')).listen(8000);\nprocess.on('SIGTERM', () => process.exit());\n",
};

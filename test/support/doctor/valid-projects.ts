/** Small valid projects of different taste. Each is somebody's working stack: the doctor may find no fail in it. */
export const VALID_PROJECTS: Record<string, Record<string, string>> = {
  'published images, a password in clear, a database port on loopback on purpose': {
    'compose.yaml': `name: NAME
services:
  postgres:
    image: postgres:16-alpine
    environment: { POSTGRES_PASSWORD: example }
    ports: ["127.0.0.1:PORT:5432"]
    volumes: [data:/var/lib/postgresql/data]
  adminer:
    image: adminer:4
    ports: ["8080"]
volumes: { data: {} }
`,
  },
  'the old version key, .yml, links and container names': {
    'docker-compose.yml': `version: '3'
services:
  web:
    image: ghost:5
    container_name: NAME-web
    links: [db]
    environment:
      database__connection__host: db
  db:
    image: mysql:8
    environment: [MYSQL_ROOT_PASSWORD=example]
`,
  },
  'dev mounts over the source, an anonymous volume for node_modules': {
    'compose.yaml': `name: NAME
services:
  web:
    build: .
    command: npm run dev
    ports: ["PORT:3000"]
    volumes: [".:/app", "/app/node_modules"]
    environment: { NODE_ENV: development, DEBUG: "app:*" }
`,
    Dockerfile:
      'FROM node:24\nWORKDIR /app\nCOPY package*.json ./\nRUN npm install\nCOPY . .\nEXPOSE 3000\nCMD ["npm", "start"]\n',
    'package.json': '{}',
  },
  'no health check, but an app that retries, with a DATABASE_URL': {
    'compose.yaml': `name: NAME
services:
  api:
    build: ./api
    depends_on: [database]
    restart: on-failure
    environment:
      DATABASE_URL: postgres://app:app@database:5432/app
  database:
    image: postgres:15
    environment:
      POSTGRES_USER: app
      POSTGRES_PASSWORD: app
`,
    'api/Dockerfile': 'FROM python:3.13-slim\nCOPY . /app\nUSER nobody\nCMD ["python", "/app/main.py"]\n',
  },
  'host networking: localhost is right': {
    'compose.yaml': `name: NAME
services:
  app:
    image: example/app:1.2
    network_mode: host
    environment: { DB_HOST: localhost, PGHOST: 127.0.0.1 }
  db:
    image: postgres:16
    network_mode: host
    environment: { POSTGRES_HOST_AUTH_METHOD: trust }
`,
  },
  'a sidecar in the network namespace of the database': {
    'compose.yaml': `name: NAME
services:
  db:
    image: postgres:17
    environment: { POSTGRES_PASSWORD_FILE: /run/secrets/pw }
    secrets: [pw]
  exporter:
    image: quay.io/prometheuscommunity/postgres-exporter:v0.16.0
    network_mode: "service:db"
    environment: { DATA_SOURCE_NAME: "postgres://localhost:5432/postgres?sslmode=disable" }
secrets: { pw: { file: ./pw.txt } }
`,
    'pw.txt': 'k8Fj2-mQ9zLp0-vX7',
  },
  'secrets by environment': {
    'compose.yaml': `name: NAME
services:
  db:
    image: postgres:16
    environment: { POSTGRES_PASSWORD_FILE: /run/secrets/token }
    secrets: [token]
secrets: { token: { environment: HOME } }
`,
  },
  'distroless, read-only, a numeric user': {
    'compose.yaml': `name: NAME
services:
  app:
    build: { context: ., target: final }
    read_only: true
    user: "65532:65532"
`,
    Dockerfile:
      'FROM golang:1.24 AS build\nCOPY . /src\nRUN go build -o /app /src\nFROM gcr.io/distroless/static:nonroot AS final\nCOPY --from=build /app /app\nENTRYPOINT ["/app"]\nFROM final AS debug\nUSER root\n',
  },
  'Swarm-style deploy, external network and secret': {
    'compose.yaml': `name: NAME
services:
  app:
    image: registry.example.com/team/app:2.1@sha256:0000000000000000000000000000000000000000000000000000000000000000
    networks: [edge]
    secrets: [api_key]
    environment: { API_KEY_FILE: /run/secrets/api_key }
    deploy:
      replicas: 3
      update_config: { order: start-first }
networks: { edge: { external: true } }
secrets: { api_key: { external: true } }
`,
  },
  'several files by override, extends and anchors': {
    'compose.yaml': `name: NAME
x-env: &env { LOG_LEVEL: info, DB_HOST: store }
services:
  app:
    extends: { file: base.yaml, service: base }
    environment: *env
    depends_on: { store: { condition: service_healthy } }
  store:
    image: postgres:16
    environment: { POSTGRES_PASSWORD: "\${DB_PASSWORD:-devdevdev}" }
    healthcheck: { test: ["CMD-SHELL", "pg_isready -h localhost -U $$POSTGRES_USER"], interval: 5s }
`,
    'compose.override.yaml': 'services: { app: { ports: ["PORT:8000"] } }\n',
    'base.yaml': 'services: { base: { image: "example/app:1", restart: always } }\n',
  },
  'profiles and include': {
    'compose.yaml': `name: NAME
include: [infra/compose.yaml]
services:
  app: { image: "example/app:1", depends_on: [db], environment: { PGHOST: db } }
  debug: { image: "busybox:1", profiles: [debug], environment: { PGHOST: localhost } }
`,
    'infra/compose.yaml':
      'services:\n  db: { image: "postgis/postgis:16-3.4", environment: { POSTGRES_PASSWORD: gis } }\n',
  },
  'two databases of two apps': {
    'compose.yaml': `name: NAME
services:
  a: { image: "example/a:1", environment: { DB_HOST: db-a } }
  b: { image: "example/b:1", environment: { DB_HOST: db-b } }
  db-a: { image: "postgres:16", environment: { POSTGRES_PASSWORD: a } }
  db-b: { image: "postgres:17", environment: { POSTGRES_PASSWORD: b } }
`,
  },
  'a database outside of the project': {
    'compose.yaml': `name: NAME
services:
  app:
    image: example/app:1
    extra_hosts: ["host.docker.internal:host-gateway"]
    environment: { DATABASE_URL: "postgres://app@host.docker.internal:5432/app" }
`,
  },
  'an optional env file, and one that is empty': {
    'compose.yaml': `name: NAME
services:
  app:
    image: example/app:1
    env_file: [{ path: .env.local, required: false }, settings.env]
`,
    'settings.env': '# nothing yet\n',
  },
  'a bitnami image with its own paths and variables': {
    'compose.yaml': `name: NAME
services:
  postgresql:
    image: bitnami/postgresql:16
    environment: { POSTGRESQL_PASSWORD: secretsecret, POSTGRESQL_USERNAME: app }
    volumes: ["pg:/bitnami/postgresql"]
volumes: { pg: {} }
`,
  },
  'a migration that ends, waited for': {
    'compose.yaml': `name: NAME
services:
  migrate: { image: "example/app:1", command: migrate, depends_on: { db: { condition: service_healthy } } }
  app: { image: "example/app:1", depends_on: { migrate: { condition: service_completed_successfully } } }
  db:
    image: postgres:16
    environment: { POSTGRES_PASSWORD: x }
    healthcheck: { test: pg_isready -U postgres, interval: 5s }
`,
  },
  'a key of several lines and a certificate as secrets': {
    'compose.yaml': `name: NAME
services:
  proxy:
    image: nginx:1.27
    ports: ["PORT:443"]
    secrets: [{ source: tls_key, target: /etc/nginx/key.pem }]
    environment: { SSL_KEY_FILE: /etc/nginx/key.pem, CONFIG_FILE: /etc/nginx/nginx.conf }
secrets: { tls_key: { file: ./key.pem } }
`,
    'key.pem':
      '-----BEGIN PRIVATE KEY-----\r\nMIIBVgIBADANBgkqhkiG9w0BAQEFAASCAUAwggE8AgEAAkEA\r\n-----END PRIVATE KEY-----\r\n',
  },
  "PostgreSQL 18 with its new path, and PGDATA of one's own": {
    'compose.yaml': `name: NAME
services:
  db:
    image: postgres:18
    environment: { POSTGRES_PASSWORD: x }
    volumes: ["pg18:/var/lib/postgresql"]
  old:
    image: example/tool:1
volumes: { pg18: {} }
`,
  },
  'a .env with dollars in quotes, and a shell that agrees': {
    'compose.yaml': `name: NAME
services:
  app: { image: "example/app:\${TAG}", environment: ["PASSWORD=\${PASSWORD}", "HOME_HERE=\${HOME}"], command: "sh -c 'echo $$HOME'" }
`,
    '.env': "TAG=1.0\nPASSWORD='pa$word$$1'\n",
  },
  'UDP and ranges, a docker socket, a privileged runner': {
    'compose.yaml': `name: NAME
services:
  dns: { image: "coredns/coredns:1.12", ports: ["PORT:53/udp", "20000-20005:20000-20005/udp"] }
  runner:
    image: example/runner:1
    privileged: true
    volumes: ["/var/run/docker.sock:/var/run/docker.sock"]
`,
  },
  'rootless: a user by name, a Dockerfile with a heredoc': {
    'compose.yaml': `name: NAME
services:
  app: { build: ., ports: ["PORT:8080"] }
`,
    Dockerfile:
      'FROM alpine:3.21\nRUN <<EOF\nadduser -D app\nUSER root\nEOF\nUSER app\nEXPOSE 8080/tcp\nENTRYPOINT ["/usr/bin/app"]\n',
  },
  'everything that the shell gives, nothing in the files': {
    'compose.yaml': `name: NAME
services:
  app:
    image: example/app:1
    environment: [HOME, PATH, SOME_TOKEN]
    entrypoint: ["/bin/app"]
    stdin_open: true
`,
  },
  'addresses to listen on, tools, and variables of another database': {
    'compose.yaml': `name: NAME
services:
  store:
    image: pgvector/pgvector:0.8.2-pg17
    environment: { POSTGRES_PASSWORD: "\${PW}" }
    env_file: .env
    ports: ["\${POSTGRES_BIND_ADDRESS}:PORT:5432"]
    volumes: ["pg:/var/lib/postgresql/data", "backups:/backups", "run:/var/run/postgresql"]
  pgadmin:
    image: dpage/pgadmin4:9.8
    environment: { PGADMIN_LISTEN_ADDRESS: 0.0.0.0, PGADMIN_DEFAULT_EMAIL: a@example.org }
    depends_on: [store]
  pool:
    image: edoburu/pgbouncer:v1.23.1-p2
    environment: { DB_HOST: store, LISTEN_ADDR: 0.0.0.0, PGBOUNCER_LISTEN_ADDRESS: 0.0.0.0 }
    depends_on: [store]
  app:
    image: example/app:1
    env_file: .env
    environment:
      DATABASE_URL: postgres://postgres:half%2Fof%40it@store:5432/postgres
      TEST_DATABASE_URL: postgres://postgres:x@localhost:5433/test
      DB_CONNECTION: sqlite
      DB_HOST: 127.0.0.1
      PG_PUBLIC_HOST: localhost
      DB_ADMIN_HOST: localhost
      SQL_ADDR: 0.0.0.0
volumes: { pg: {}, backups: {}, run: {} }
`,
    '.env': "PW='half/of@it'\nPOSTGRES_BIND_ADDRESS=127.0.0.1\n",
  },
  'a user and a database out of files, and a job with the same image': {
    'compose.yaml': `name: NAME
services:
  db:
    image: postgres:16
    environment:
      POSTGRES_USER_FILE: /run/secrets/user
      POSTGRES_DB_FILE: /conf/database
      POSTGRES_PASSWORD_FILE: /run/secrets/pw
    secrets: [user, pw]
    volumes: ["./conf:/conf:ro", "/var/lib/postgresql", "./data:/var/lib/postgresql/data"]
  dump:
    image: postgres:16
    entrypoint: ["sh", "-c", "pg_dump -h db > /out/dump.sql"]
    environment: { PGHOST: db, PGPORT: "5432" }
    volumes: ["./out:/out"]
secrets: { user: { file: ./user.txt }, pw: { file: ./pw.txt } }
`,
    'user.txt': 'ann\n',
    'pw.txt': 'k8Fj2-mQ9zLp0-vX7',
    'conf/database': 'orders\n',
  },
  'a server on a port of its own, and an app that knows it': {
    'compose.yaml': `name: NAME
services:
  db:
    image: timescale/timescaledb:2.23.0-pg18
    command: postgres -c port=5433 -c shared_preload_libraries=timescaledb
    environment: { POSTGRES_PASSWORD: example }
    ports: ["127.0.0.1:PORT:5433"]
    volumes: ["pg:/var/lib/postgresql"]
    healthcheck: { test: ["CMD-SHELL", "pg_isready -p 5433 -h $$0", "127.0.0.1"], interval: 5s }
  app: { image: "example/app:1", environment: { DATABASE_URL: "postgres://postgres:example@db:5433/postgres" } }
volumes: { pg: {} }
`,
  },
};

// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the placeholders are Compose's

/** A project on disk: relative paths and what is in the files. */
export interface ProjectFixture {
  title: string;
  files: Record<string, string>;
  /** Variables of the shell. */
  env?: Record<string, string>;
  /** Folder that the command starts in, relative to the project. */
  from?: string;
}

/** Compose projects of different taste; each is read by us and by the engine, and both must see the same. */
export const wholeProjects: ProjectFixture[] = [
  {
    title: 'the short forms',
    files: {
      'compose.yaml': `
services:
  web:
    image: nginx:1.27
    command: nginx -g "daemon off;"
    ports: ["8080:80", "127.0.0.1:8443:443/tcp", "9000-9002:9000-9002", "53/udp", "[::1]:7000:7000", "6000-6003:60", 99]
    volumes: ["./site:/usr/share/nginx/html:ro", "logs:/var/log", /cache, "~/conf:/conf", "../up/:/up/"]
    environment: [A=1, "B=two words", EMPTY=, BARE]
    env_file: web.env
    depends_on: [db]
    networks: [front, back]
    secrets: [cert]
    tmpfs: /run
    dns: 1.1.1.1
    expose: ["3000", 3001]
    healthcheck: {test: "curl -f http://localhost/ || exit 1", interval: 1m30s, timeout: 10s, retries: 3, start_period: 40s}
    restart: unless-stopped
    user: "1000:1000"
    working_dir: /srv
  db:
    image: postgres:16
    volumes: ["data:/var/lib/postgresql/data"]
volumes: {data: , logs: {}}
networks: {front: , back: {internal: true}}
secrets: {cert: {file: ./cert.pem}}
`,
      'web.env': 'FROM_FILE=yes\n',
    },
  },
  {
    title: 'the long forms',
    files: {
      'compose.yaml': `
name: long-forms
services:
  web:
    container_name: the-web
    build:
      context: ./web
      dockerfile: Dockerfile.prod
      target: runtime
      args: {VERSION: 1.0, DEBUG: false, UNSET: , FROM_ENV: }
      additional_contexts: {shared: ../shared}
      ssh: [default]
      secrets: [token]
    entrypoint: ["/init", "--"]
    command: []
    ports:
      - {name: http, target: 80, published: 8080, host_ip: 127.0.0.1, protocol: tcp, mode: host}
      - {target: 443, published: "8443-8445"}
      - target: 53
        protocol: udp
    volumes:
      - {type: volume, source: data, target: /data/, volume: {nocopy: true}}
      - {type: bind, source: ./conf, target: /conf, read_only: true, bind: {create_host_path: false}}
      - {type: tmpfs, target: /scratch, tmpfs: {size: 64m}}
    env_file:
      - path: ./a.env
      - {path: ./missing.env, required: false}
    depends_on:
      db: {condition: service_healthy, restart: true}
      job: {condition: service_completed_successfully, required: false}
    networks:
      front: {aliases: [site], ipv4_address: 172.31.7.4}
      default:
    secrets:
      - {source: token, target: /etc/token, mode: 0440}
      - source: key
    configs: [{source: conf, target: /conf.json}]
    deploy: {replicas: 1, resources: {limits: {cpus: "0.5", memory: 512M}, reservations: {memory: 128m}}}
    logging: {driver: json-file, options: {max-size: 10m, max-file: "3"}}
    ulimits: {nofile: {soft: 1024, hard: 2048}, nproc: 65535}
    healthcheck: {test: [CMD, wget, -q, "http://localhost"], interval: 500ms, timeout: 1.5s, start_interval: 1s, retries: 0}
    stop_grace_period: 1m
    init: true
    read_only: "true"
  db: {image: "postgres:17", healthcheck: {test: [NONE]}}
  job: {image: busybox, healthcheck: {disable: true}}
secrets:
  token: {environment: TOKEN}
  key: {file: keys/k}
configs: {conf: {content: "{}"}}
networks: {front: {name: shared-front, external: true}}
volumes: {data: {name: "my data", driver: local}}
`,
      'a.env': 'X=1\n',
    },
    env: { FROM_ENV: 'given', TOKEN: 't' },
  },
  {
    title: 'an override file',
    files: {
      'compose.yaml': `
services:
  api:
    image: api:1
    command: run
    entrypoint: /entry a b
    environment: {A: base, B: base, N: 1}
    env_file: a.env
    ports: ["80:80", "81:81"]
    volumes: ["data:/data", "./x:/x"]
    depends_on: [db]
    networks: [one]
    secrets: [s]
    labels: {a: 1}
    cap_add: [SYS_TIME]
    extra_hosts: ["h:1.1.1.1"]
    healthcheck: {test: [CMD, a], interval: 5s}
    logging: {driver: json-file, options: {max-size: 1m}}
    build: ./api
  db: {image: postgres}
volumes: {data: }
networks: {one: , two: }
secrets: {s: {file: s}, t: {file: t}}
`,
      'compose.override.yml': `
services:
  api:
    command: [other, words]
    environment: [B=over, "C=\${HOST_C:-c}", A]
    env_file: [b.env]
    ports: ["127.0.0.1:80:80", "81:81"]
    volumes: ["./new:/data", "cache:/cache"]
    depends_on: {db: {condition: service_healthy}, mq: {condition: service_started}}
    networks: {two: {aliases: [x]}}
    secrets: [t, {source: t, target: s}]
    labels: [b=2]
    cap_add: [SYS_TIME, NET_ADMIN]
    extra_hosts: ["h:1.1.1.1", "i=2.2.2.2"]
    healthcheck: {retries: 7, test: [CMD, b]}
    logging: {options: {max-file: "2"}}
    build: {target: dev, args: [X=1]}
  mq: {image: rabbitmq}
volumes: {cache: {name: c}}
`,
      'a.env': 'E=a\nF=a\n',
      'b.env': 'F=b\nG=${E}-${F}\n',
    },
  },
  {
    title: 'three files of COMPOSE_FILE with !reset and !override',
    files: {
      'base.yaml': `
services:
  a: {image: one, ports: ["1:1"], environment: {A: 1, B: 2}, command: x, networks: [n], volumes: ["v:/v"]}
  b: {image: two}
networks: {n: }
volumes: {v: }
`,
      'second.yaml': `
services:
  a:
    ports: !override ["2:2"]
    environment: {A: !reset null, C: 3}
    command: !reset null
    volumes: !reset []
`,
      'third.yaml': `
services:
  a: {ports: ["3:3"], networks: !override {default: }}
  b: !reset null
  c: {image: three}
`,
    },
    env: { COMPOSE_FILE: 'base.yaml:second.yaml:third.yaml' },
  },
  {
    title: 'COMPOSE_FILE in a .env, with another .env beside the file that it names',
    files: {
      '.env': 'COMPOSE_FILE=deploy/a.yaml:b.yaml\nBOTH=top\nTOP=1\n',
      'deploy/a.yaml': 'services: {a: {image: "x:${BOTH}-${TOP}-${DEEP}", volumes: ["./d:/d"]}}\n',
      'deploy/.env': 'BOTH=deep\nDEEP=1\n',
      'b.yaml': 'services: {a: {volumes: ["./e:/e"]}}\n',
    },
  },
  {
    title: 'extends in the same file',
    files: {
      'compose.yaml': `
services:
  base:
    image: base
    environment: {A: base, B: base}
    volumes: ["./a:/a"]
    ports: ["1000:1000"]
    command: [base]
    depends_on: [db]
    healthcheck: {test: [CMD, x], interval: 3s}
  middle: {extends: base, environment: [B=middle, C=middle], command: [middle]}
  leaf: {extends: {service: middle}, image: leaf, ports: ["2000:2000"], volumes: ["./b:/a", "./c:/c"]}
  db: {image: postgres}
`,
    },
  },
  {
    title: 'extends from another folder',
    files: {
      'compose.yaml': `
services:
  web:
    extends: {file: common/services.yaml, service: web}
    environment: {LEVEL: top}
    networks: [n]
networks: {n: }
volumes: {data: }
`,
      'common/services.yaml': `
services:
  web:
    extends: {file: deeper/base.yaml, service: base}
    build: .
    volumes: ["./conf:/conf", "data:/data"]
    env_file: [common.env]
  unused: {image: x}
`,
      'common/common.env': 'FROM=common\n',
      'common/deeper/base.yaml': `
services:
  base: {image: base, environment: [LEVEL=base, DEEP=1], volumes: ["./deep:/deep"], env_file: deep.env}
`,
      'common/deeper/deep.env': 'DEEP_FILE=1\nFROM=deep\n',
    },
  },
  {
    title: 'include, with its own .env and folder',
    files: {
      'compose.yaml': `
include:
  - db/compose.yaml
  - path: [tools/compose.yaml, tools/override.yaml]
    project_directory: tools
    env_file: tools/tools.env
services:
  api: {image: "api:\${TAG}", depends_on: [db, tool], volumes: ["pg:/backup:ro"]}
`,
      '.env': 'TAG=main\nBOTH=main\n',
      'db/compose.yaml': `
services:
  db:
    image: "postgres:\${TAG}\${PG:-none}"
    volumes: ["pg:/var/lib/postgresql/data", "./init:/init"]
    environment: [BOTH, PG, "X=\${BOTH}"]
    env_file: db.env
volumes: {pg: }
`,
      'db/.env': 'TAG=db\nPG=17\nBOTH=db\n',
      'db/db.env': 'Y=${PG:-unset}\n',
      'tools/compose.yaml': `
services:
  tool: {image: "tool:\${T}", environment: {T: , U: "\${U:-u}"}, secrets: [s]}
secrets: {s: {file: ./s}}
`,
      'tools/override.yaml': 'services: {tool: {command: go, volumes: ["./here:/here"]}}\n',
      'tools/tools.env': 'T=9\n',
    },
  },
  {
    title: 'profiles, one active',
    files: {
      'compose.yaml': `
services:
  app: {image: app, depends_on: {debug: {condition: service_started, required: false}}}
  debug: {image: debug, profiles: [debug], volumes: ["d:/d"], networks: [dn]}
  admin: {image: admin, profiles: [admin, ops], depends_on: [app], secrets: [s], volumes: ["a:/a"]}
volumes: {d: , a: }
networks: {dn: }
secrets: {s: {file: s}, unused: {file: u}}
`,
    },
    env: { COMPOSE_PROFILES: 'ops, other' },
  },
  {
    title: 'profiles, all of them',
    files: {
      'compose.yaml': `
services:
  app: {image: app}
  debug: {image: debug, profiles: [debug]}
`,
      '.env': 'COMPOSE_PROFILES=*\n',
    },
  },
  {
    title: 'anchors, aliases and merge keys',
    files: {
      'compose.yaml': `
x-logging: &logging {driver: json-file}
x-env: &env
  A: 1
  B: two
x-more: &more {B: three, C: 4}
x-service: &service
  restart: always
  logging: *logging
  environment: &service-env
    <<: [*env, *more]
    D: \${D:-four}
services:
  one:
    <<: *service
    image: &image "img:1"
  two:
    image: *image
    <<: *service
    restart: "no"
    environment:
      <<: *service-env
      A: mine
  three: {image: *image, environment: *env, command: &cmd [a, b], entrypoint: *cmd}
`,
    },
  },
  {
    title: 'scalars of every kind where a string is wanted',
    files: {
      'compose.yaml': `
services:
  a:
    image: x
    environment:
      A: 1.50
      B: 010
      C: 0x1F
      D: true
      E: 1e3
      F: 2001-01-01
      G: ~
      H: 12345678901234567890
      I: 1_000
      J: 2001-12-14t21:59:43.10-05:00
      K: 0o17
      L: yes
      M: 1000000.0
      N: 123456789.5
      O: 0.00001
      P: -0
      Q: 1e21
      R: 0b101
      S: 1:30
      T: !!str 5
      U: ! 6
      V: !custom 7
      W: !!float 8
      X: "0x10"
      Y: 'it''s'
      Z: |
        two
        lines
      AA: >-
        folded
        text
      AB: 08
      AC: 123456789012345678901234
      AD: .5
      AE: Null
      AF: "tab\\tnew\\nline \\u00e9"
      AG: !!binary aGk=
      AH: -1_0
      AI: 5.
      AJ: 2001-02-30
    build: {context: ., args: {N: 1.10, M: 007}}
`,
    },
  },
  {
    title: 'interpolation everywhere',
    files: {
      'compose.yaml': `
name: "\${NAME:-Inter Pol}_x"
services:
  plain: {image: x, labels: {tag: "x:$$TAG"}}
  a:
    image: "\${REGISTRY-docker.io}/\${IMAGE:?needed}:\${TAG:-\${FALLBACK:-latest}}"
    command: echo $$HOME "\${GREETING:+hello \${GREETING}}" \${EMPTY-default} \${EMPTY:-default} $5 a$
    ports: ["\${PORT}:80", "\${BIND:-127.0.0.1}:\${PORT2:-81}:\${PORT2:-81}"]
    read_only: \${RO:-true}
    init: \${INIT}
    environment: {JSON: '{"a": "\${A:-{}}"}', "$KEY": kept, NEST: "\${A:-\${B:-\${C:-deep}}}-\${D:+no}-tail"}
    volumes: ["\${DIR:-./d}:/d:\${MODE:-ro}"]
    healthcheck: {test: "x", retries: "\${RETRIES:-4}", disable: "\${OFF:-false}"}
    deploy: {replicas: "\${SCALE:-1}"}
networks: {default: {name: "\${NET:-net}", internal: "\${INTERNAL:-yes}"}}
`,
      '.env': 'IMAGE=img\nPORT=8080\nEMPTY=\nINIT=true\nGREETING="w x"\n',
    },
  },
  {
    title: 'implied dependencies and shared namespaces',
    files: {
      'compose.yaml': `
services:
  a: {image: a, links: ["b:alias", c], network_mode: "service:d"}
  b: {image: b, volumes_from: ["c:ro", "container:other"], pid: "service:e"}
  c: {image: c, network_mode: host}
  d: {image: d, ipc: "service:e", network_mode: none}
  e: {image: e, networks: {}}
`,
    },
  },
  {
    title: 'two documents in one file',
    files: {
      'compose.yaml': `
name: first
services: {a: {image: a, environment: {X: 1}, ports: ["1:1"]}}
---
# the second
name: second
services: {a: {environment: {Y: 2}, ports: ["2:2"]}, b: {image: b}}
`,
    },
  },
  {
    title: 'an old file with version, external names and extra keys',
    files: {
      'docker-compose.yml': `
version: "3.8"
x-note: {anything: [goes]}
services:
  web:
    image: web
    x-own: 1
    build: {context: "https://github.com/example/web.git#main", x-y: 2}
    networks: {default: {x-z: 3}}
    volumes: ["old:/old"]
networks: {default: {external: {name: legacy}}}
volumes: {old: {external: true}}
`,
    },
  },
  {
    title: 'a stack from a folder below it, with a BOM and CRLF',
    files: {
      'compose.yml': `\ufeffservices:\r\n  db:\r\n    image: "postgres:\${PG:-16}"\r\n    environment:\r\n      POSTGRES_PASSWORD_FILE: /run/secrets/db_password\r\n    secrets:\r\n      - db_password\r\nsecrets:\r\n  db_password:\r\n    file: ./secrets/db_password.txt\r\n`,
      '.env': 'PG=17\r\nCOMPOSE_PROJECT_NAME=below\r\n',
      'deep/er/.env': 'PG=1\n',
    },
    from: 'deep/er',
  },
  {
    title: 'JSON',
    files: {
      'compose.yaml':
        '{"name": "json", "services": {"a": {"image": "x", "environment": {"A": 1}, "ports": [{"target": 80}]}}}\n',
    },
  },
  {
    title: 'an inventory stack',
    files: {
      'compose.yaml': `
name: inventory
services:
  db:
    image: postgres:16-alpine
    environment:
      POSTGRES_DB: \${POSTGRES_DB:-inventory}
      POSTGRES_USER: inventory
      POSTGRES_PASSWORD_FILE: /run/secrets/db_password
    secrets: [db_password]
    volumes: [pgdata:/var/lib/postgresql/data]
    networks: [backend]
    healthcheck:
      test: ["CMD-SHELL", "pg_isready -h 127.0.0.1 -U $$POSTGRES_USER -d $$POSTGRES_DB"]
      interval: 10s
      timeout: 5s
      retries: 5
      start_period: 30s
      start_interval: 500ms
  api:
    build: {context: ./stack, target: runtime}
    env_file: [stack/.env]
    environment: {DATABASE_HOST: db, DATABASE_PORT: 5432}
    secrets: [db_password]
    ports: ["127.0.0.1:\${API_PORT:-5003}:5003"]
    depends_on: {db: {condition: service_healthy}}
    networks: [frontend, backend]
    read_only: true
    cap_drop: [ALL]
    security_opt: [no-new-privileges:true]
    init: true
    tmpfs: [/tmp]
    logging: {driver: local, options: {max-size: 10m}}
    deploy: {resources: {limits: {memory: 512m, cpus: "1.0"}}}
networks: {frontend: , backend: {internal: true}}
volumes: {pgdata: {name: inventory_pgdata}}
secrets: {db_password: {file: secrets/db_password.txt}}
`,
      'stack/.env': '# local\nENVIRONMENT=dev\nJWT_SECRET_KEY="x$$y"\nDATABASE_HOST=localhost\n',
      '.env': 'API_PORT=5010\n',
    },
  },
];

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { drawGraph } from '../../../../src/architecture/drawing.js';
import { MOST_NODES } from '../../../../src/architecture/fold.js';
import { VIEWS } from '../../../../src/architecture/graph.js';
import { columnsOf } from '../../../../src/architecture/text-width.js';
import { readableGraph } from '../../../../src/architecture/views/view-graph.js';
import { describeStack } from '../../../../src/services/architecture/describe.js';
import { projectDocument } from '../../../../src/services/docs.js';
import { drawnAs } from '../../../../src/services/graph.js';
import { folderContext } from '../../../support/architecture/folder-context.js';
import { diagramsOf, mermaidError } from '../../../support/architecture/mermaid.js';
import { atFullSize } from '../../../support/fault-counts.js';
import { bareShell, withProject } from '../../../support/project/project-on-disk.js';

const NO_PAINT = { bold: (text: string) => text, dim: (text: string) => text };
const WORDS = [
  'end',
  'graph',
  'subgraph',
  'class',
  'style',
  'click',
  'default',
  'constructor',
  'o',
  'x',
  'note',
  'loop',
];
const HOSTILE = `"quotes" 'and' [brackets] (round) {curly} <b>tag</b> a|b \`code\` --> ; # % & \\ 漢字 end 1. *x* __y__`;

/** More than a picture shows; the time of a layout grows with the square. */
const MANY = atFullSize ? 60 : MOST_NODES + 2;

function many(body: (number: number) => string): string {
  return Array.from({ length: MANY }, (_, index) => body(index)).join('');
}

const PROJECTS: Record<string, Record<string, string>> = {
  'names that are words of Mermaid': {
    'compose.yaml': `name: graph
services:
${WORDS.map((word, index) => `  ${word}:\n    image: ${word}:1\n${index > 0 ? `    depends_on: [${WORDS[index - 1]}]\n` : ''}    environment: {HOST_OF_IT: ${WORDS[(index + 3) % WORDS.length]}}\n    volumes: ["${word}:/data"]\n    secrets: [${word}]\n`).join('')}
volumes: {${WORDS.map((word) => `${word}: {}`).join(', ')}}
secrets: {${WORDS.map((word) => `${word}: {file: ./${word}}`).join(', ')}}
`,
  },
  'texts full of signs': {
    'compose.yaml': `services:
  web:
    image: "app:1"
    command: ${JSON.stringify(['sh', '-c', HOSTILE])}
    environment: {GREETING: ${JSON.stringify(HOSTILE)}, EMPTY: "", MARK: "<!-- invctl:end -->"}
    env_file: ["with space.env"]
    healthcheck: {test: ${JSON.stringify(['CMD-SHELL', HOSTILE.replaceAll('$', '')])}}
    volumes: [{type: bind, source: "./da ta [1] 漢字", target: "/da ta|x"}]
    user: "a b"
    depends_on: [db]
  db: {image: "postgres:16", environment: {POSTGRES_PASSWORD: x}}
`,
    'with space.env': `# ${HOSTILE}\nLEVEL='${HOSTILE.replaceAll("'", '')}'\n# <!-- invctl:begin data -->\nX=1\n`,
  },
  'a Dockerfile and a .dockerignore full of signs': {
    'compose.yaml': 'services: {web: {build: {context: ., dockerfile: "Docker file (1)"}}}\n',
    'Docker file (1)': `FROM a:1 AS "end"\nRUN echo ${HOSTILE}\nFROM \${BASE} AS graph\nCOPY --from="end" ["a b", "c|d"]\nCOPY --from=0 /x /y\nLABEL a='\`\`\`'\n`,
    '.dockerignore': '```\n<!-- invctl:end -->\n*.log\n~~~\n',
  },
  'many services on one database': {
    'compose.yaml': `name: many
services:
  db: {image: "postgres:16", environment: {POSTGRES_PASSWORD: x}, volumes: ["data:/var/lib/postgresql/data"]}
${many((n) => `  worker-${n}: {image: "worker:1", depends_on: [db], environment: {DB_HOST: db, NUMBER: "${n}"}}\n`)}
volumes: {data: {}}
`,
  },
  'many services, each with all there is': {
    'compose.yaml': `name: many
services:
${many((n) => `  s${n}:\n    image: "s:${n}"\n    ports: ["${9000 + n}:80"]\n    depends_on: [${[1, 2, 5, 7].flatMap((d) => (n >= d ? [`s${n - d}`] : [])).join(', ')}]\n    environment: {A_URL: "http://s${(n * 7) % MANY}:80", B_URL: "http://s${(n * 11) % MANY}:80"}\n    volumes: ["v${n}:/data", "shared:/shared"]\n    networks: [n${n % 6}, n${(n + 1) % 6}]\n    secrets: [k${n % 9}]\n    env_file: e${n % 4}.env\n`)}
networks: {n0: , n1: , n2: , n3: {internal: true}, n4: , n5: }
volumes: {${Array.from({ length: MANY }, (_, n) => `v${n}: `).join(', ')}, shared: }
secrets: {${Array.from({ length: 9 }, (_, n) => `k${n}: {file: ./k${n}}`).join(', ')}}
`,
    ...Object.fromEntries([0, 1, 2, 3].map((n) => [`e${n}.env`, 'LEVEL=info\nA_URL=x\n'])),
  },
  'nothing but one image': { 'compose.yaml': 'services: {only: {image: busybox}}\n' },
  'no service at all': { 'compose.yaml': 'services: {}\nvolumes: {data: {}}\n' },
  'ports, mounts and names that only a machine knows': {
    'compose.yaml': `name: \${STACK:?say which}
services:
  web:
    image: "app:\${TAG}"
    ports: ["\${PORT}:80", "\${OTHER:?}:81", "\${THIRD:-8080}:82"]
    volumes: ["\${DATA_DIR}:/data", "~/conf:/conf", "../up:/up", "/var/run/docker.sock:/sock"]
    environment: [HOME, "PASSWORD=\${PASSWORD}", "AT=\${HERE:-there}"]
    mem_limit: \${MEMORY}
    read_only: \${READ_ONLY}
`,
  },
  'a service that depends on a hidden one, and a circle of hosts': {
    'compose.yaml': `services:
  a: {image: a, depends_on: {b: {condition: service_started, required: false}}, environment: {B_HOST: c}}
  b: {image: b, profiles: [debug]}
  c: {image: c, environment: {A_HOST: a}}
`,
  },
  'a variable without a name, as Compose reads a bare last line': {
    'compose.yaml': 'services: {web: {image: a, env_file: bare.env}}\n',
    'bare.env': 'BARE',
  },
  'a build context that is an address with a token': {
    'compose.yaml':
      'services: {web: {build: "https://x:hunter2@github.com/a/b.git#main"}, api: {build: "https://hunter2@github.com/a/b.git"}, ssh: {build: "git@github.com:a/b.git"}}\n',
  },
  'env files that are missing, ignored and empty': {
    'compose.yaml':
      'services: {web: {image: a, env_file: [missing.env, ignored.env, empty.env, {path: none.env, required: false}]}}\n',
    'ignored.env': 'ONLY_HERE=1\n',
    'empty.env': '',
    '.gitignore': 'ignored.env\n',
  },
};

describe('a project that is hard to draw', { timeout: 120_000 }, () => {
  it.each(Object.keys(PROJECTS))('%s', async (title) => {
    await withProject(PROJECTS[title] as Record<string, string>, async (root) => {
      const context = folderContext(root, bareShell({ COMPOSE_PROJECT_NAME: 'shop' }));
      const { file } = await projectDocument(context, { check: false });
      const text = readFileSync(file, 'utf8');
      const errors = await Promise.all(diagramsOf(text).map(mermaidError));
      expect(errors.filter((error) => error !== undefined)).toEqual([]);
      expect(text).not.toContain(root);
      expect(text).not.toMatch(/undefined|\[object|NaN|hunter2|https:\/[^/]/);
      expect((await projectDocument(context, { check: true })).state).toBe('unchanged');
      const stack = await describeStack(context);
      for (const view of VIEWS) {
        const readable = readableGraph(stack, view);
        expect(readable.nodes.length, `${view} has too many nodes`).toBeLessThanOrEqual(MOST_NODES);
        expect(await mermaidError(await drawnAs(readable, 'mermaid'))).toBeUndefined();
        expect(await drawnAs(readable, 'svg')).toContain('</svg>');
        const wide = drawGraph(readable, 80, NO_PAINT)
          .split('\n')
          .filter((line) => columnsOf(line) > 80);
        expect(wide).toEqual([]);
      }
    });
  });
});

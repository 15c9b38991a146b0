// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the placeholders are Compose's

import type { ProjectFixture } from './whole-projects.js';

export interface WarnedFixture extends ProjectFixture {
  /** What each of our warnings matches, in order. */
  warnings: RegExp[];
  /** What Compose's stderr matches. */
  engine: RegExp;
}

const minimal = 'services: {a: {image: x}}\n';

/** Projects that Compose accepts with a warning. */
export const warnedProjects: WarnedFixture[] = [
  {
    title: 'a variable that is not set',
    files: { 'compose.yaml': 'services: {a: {image: "x$GONE", hostname: "${GONE}"}}\n' },
    warnings: [/variable GONE is not set/],
    engine: /"GONE\\?" variable is not set/,
  },
  {
    title: 'a variable that is not set in an env file',
    files: { 'compose.yaml': 'services: {a: {image: x, env_file: a.env}}\n', 'a.env': 'A=$GONE\n' },
    warnings: [/variable GONE is not set/],
    engine: /"GONE\\?" variable is not set/,
  },
  {
    title: 'a variable that is not set in .env',
    files: { 'compose.yaml': minimal, '.env': 'A="${GONE}"\n' },
    warnings: [/variable GONE is not set/],
    engine: /"GONE\\?" variable is not set/,
  },
  {
    title: 'an obsolete version',
    files: { 'compose.yaml': `version: "3"\n${minimal}` },
    warnings: [/`version` is obsolete/],
    engine: /version` is obsolete/,
  },
  {
    title: 'an old boolean',
    files: { 'compose.yaml': 'services: {a: {image: x, init: yes}}\n' },
    warnings: [/services\.a\.init: `yes` is not a boolean/],
    engine: /"yes\\?" for boolean is not supported/,
  },
  {
    title: 'an old external name',
    files: { 'compose.yaml': `${minimal}volumes: {v: {external: {name: w}}}\n` },
    warnings: [/external\.name is deprecated/],
    engine: /external\.name is deprecated/,
  },
  {
    title: 'two files with a name that Compose looks for',
    files: { 'compose.yaml': minimal, 'docker-compose.yml': minimal },
    warnings: [/using \S+compose\.yaml, not \S+docker-compose\.yml/],
    engine: /Found multiple config files/,
  },
  {
    title: 'two override files',
    files: { 'compose.yaml': minimal, 'compose.override.yaml': minimal, 'compose.override.yml': minimal },
    warnings: [/using \S+compose\.override\.yml, not \S+compose\.override\.yaml/],
    engine: /Found multiple override files/,
  },
  {
    title: 'nothing to warn about',
    files: { 'compose.yaml': 'services: {a: {image: "x${NO:-}", init: true}}\n' },
    warnings: [],
    engine: /^$/,
  },
];

import { FOREIGN } from '../doctor/foreign.js';
import { VALID_PROJECTS } from '../doctor/valid-projects.js';
import { type ProjectFixture, wholeProjects } from '../project/whole-projects.js';

/** Compose projects of every taste that the tests have. */
export const PUBLIC_PROJECTS: readonly ProjectFixture[] = [
  ...Object.entries({ ...VALID_PROJECTS, 'a stack of other names': FOREIGN }).map(([title, files]) => ({
    title,
    files: Object.fromEntries(
      Object.entries(files).map(([path, text]) => [
        path,
        text.replaceAll('NAME', 'shop').replaceAll('PORT', '8080'),
      ]),
    ),
  })),
  ...wholeProjects,
];

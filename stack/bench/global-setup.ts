import type { TestProject } from 'vitest/node';
import { setup } from '../test/global-setup.js';

/** A commit waits for the disk here: it is what a movement costs. */
export default (project: TestProject) => setup(project, { durable: true });

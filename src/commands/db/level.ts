import { usageError } from '../../errors.js';
import { LEVELS, type Level } from '../../services/database/manifest.js';

/** @throws UserError USAGE for anything but a verification level. */
export function readLevel(text: string): Level {
  const level = LEVELS.find((candidate) => String(candidate) === text);
  if (level === undefined)
    throw usageError(`--level "${text}" is no verification level`, '--level 0, 1, 2 or 3');
  return level;
}

/**
 * Returns an id such as `20261123T005853Z`: it sorts by time, and is used in names of files and databases.
 */
export function timeId(time: Date): string {
  return `${time.toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`;
}

/** `20261123T005853Z`: sorts by time, and is a part of file and database names. */
export function timeId(time: Date): string {
  return `${time.toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`;
}

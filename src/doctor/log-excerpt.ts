const LONGEST = 300;

/**
 * Log lines for an error on a screen: long ones without their middle, as the cause is at the end as often as at
 * the beginning, and of lines in a row that differ in numbers alone the last, with how many they were.
 */
export function logExcerpt(lines: readonly string[]): string[] {
  const runs: { form: string; last: string; count: number }[] = [];
  for (const last of lines) {
    const form = last.replace(/\d+/g, '0');
    const run = runs.at(-1);
    if (run?.form === form) Object.assign(run, { last, count: run.count + 1 });
    else runs.push({ form, last, count: 1 });
  }
  return runs.map(
    ({ last, count }) => `${shortened(last)}${count > 1 ? `      (${count} like this one)` : ''}`,
  );
}

function shortened(line: string): string {
  return line.length <= LONGEST ? line : `${line.slice(0, 100)} … ${line.slice(-197)}`;
}

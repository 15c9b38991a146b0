/**
 * Parses `Config.Env` of a container or an image. A name without `=` unsets a variable of the image, and is
 * left out.
 */
export function parseEnvironment(entries: readonly string[] | null | undefined): Map<string, string> {
  return new Map(
    (entries ?? []).flatMap((entry) => {
      const sign = entry.indexOf('=');
      return sign < 0 ? [] : [[entry.slice(0, sign), entry.slice(sign + 1)] as const];
    }),
  );
}

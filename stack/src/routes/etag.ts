/** The entity tag of a version. */
export function etag(version: number): string {
  return `"${version}"`;
}

/** The versions that an `If-Match` header allows to be changed; nothing for `*`, which allows any. */
export function matchedVersions(ifMatch: string): number[] | null {
  if (ifMatch.trim() === '*') return null;
  // Weak tags never match here (RFC 9110, 13.1.1), and no version has more than nine digits.
  return ifMatch
    .split(',')
    .flatMap((tag) => (/^\s*"\d{1,9}"\s*$/.test(tag) ? [Number(tag.replaceAll('"', ''))] : []));
}

/** Whether an `If-None-Match` header says that the caller has this version already. */
export function hasVersion(ifNoneMatch: string | undefined, version: number): boolean {
  if (ifNoneMatch === undefined) return false;
  return ifNoneMatch.split(',').some((tag) => {
    const trimmed = tag.trim();
    return trimmed === '*' || trimmed.replace(/^W\//, '') === etag(version);
  });
}

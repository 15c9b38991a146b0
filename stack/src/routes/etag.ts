import { Problem } from '../problem.js';

/** The entity tag of a version. */
export function etag(version: number): string {
  return `"${version}"`;
}

/**
 * The versions that an `If-Match` header allows to be changed; nothing for `*`, which allows any.
 *
 * @throws {Problem} 428 without the header.
 */
export function matchedVersions(ifMatch: string | undefined): number[] | null {
  if (ifMatch === undefined) {
    throw new Problem(
      428,
      'if_match_required',
      'Send If-Match with the ETag of the version that you have read.',
    );
  }
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

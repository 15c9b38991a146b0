const LEAST_CHARACTERS = 12;
/** Fewer different ones are a key held down, or a short word again and again. */
const LEAST_DIFFERENT = 5;
/** What a password has to have beside the user's name. */
const LEAST_BESIDE_NAME = 6;

/**
 * What is wrong with a password that somebody chooses, as the end of a sentence; nothing where it will do. Length is
 * what counts (NIST SP 800-63B, 3.1.1.2); refused is what anybody would try first.
 */
export function passwordFlaw(password: string, username: string): string | undefined {
  const seen = password.trim().toLowerCase();
  if ([...seen].length < LEAST_CHARACTERS) {
    return `must have at least ${LEAST_CHARACTERS} characters beside spaces at its ends`;
  }
  if (new Set(seen).size < LEAST_DIFFERENT)
    return `must have at least ${LEAST_DIFFERENT} different characters`;
  const name = username.toLowerCase();
  if (name.length < 3) return undefined;
  const backwards = [...name].reverse().join('');
  const beside = seen.replaceAll(name, '').replaceAll(backwards, '');
  if (beside !== seen && beside.length < LEAST_BESIDE_NAME)
    return 'must not be the user name and little more';
  return undefined;
}

/** Characters that a reader of SQL can skip: operators, commas, dots. */
const PLAIN = 0;
export const SPACE = 1;
/** Every kind from this number on may begin a construct. */
export const STARTS_SOMETHING = 2;
/** Letters, the underscore and every byte of a non-ASCII character. */
export const IDENTIFIER = 3;
export const DIGIT = 4;

/** Kind of each byte in psql's scanner (src/fe_utils/psqlscan.l). */
export const KIND = new Uint8Array(256).map((_, byte) => {
  const character = String.fromCharCode(byte);
  if (/[ \t\n\r\f\v]/.test(character)) return SPACE;
  if (byte >= 0x80 || /[A-Za-z_]/.test(character)) return IDENTIFIER;
  if (/[0-9]/.test(character)) return DIGIT;
  return /['"$:;()\\/-]/.test(character) ? STARTS_SOMETHING : PLAIN;
});

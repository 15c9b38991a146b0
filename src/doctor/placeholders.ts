// The most frequent leaked passwords, and those in the compose files of tutorials.
const USUAL = new Set([
  '123456',
  '12345678',
  '123456789',
  'admin',
  'changeit',
  'changeme',
  'default',
  'example',
  'letmein',
  'mypassword',
  'mysecretpassword',
  'pass',
  'passw0rd',
  'password',
  'password1',
  'password123',
  'postgres',
  'postgrespassword',
  'qwerty',
  'root',
  'secret',
  'supersecret',
  'test',
]);

const PLACEHOLDER =
  /change[-_ ]?(?:me|this|it|in[-_ ]production)|^change[-_ ]?(?:password|secret|token|key)$|^insecure|[-_ ]insecure[-_ ]|^your[-_ ]|[-_ ]your[-_ ]|^<.*>$|^\{\{.*\}\}$|place[-_ ]?holder|^x{3,}$|^\.\.\.$|^to[-_ ]?do$|^(?:insert|replace)[-_ ]/i;

/** Whether a value is an example's text that was to be replaced, or one of the usual passwords. */
export function looksLikePlaceholder(value: string): boolean {
  return USUAL.has(value.toLowerCase()) || PLACEHOLDER.test(value);
}

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ACCESS_TOKEN_SECONDS, accessTokens } from '../../src/auth/tokens.js';
import { JWT_KEY } from '../api.js';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'] });
});
afterEach(() => {
  vi.useRealTimers();
});

test('a token that was verified before is refused from its expiry on', () => {
  const tokens = accessTokens(JWT_KEY);
  const token = tokens.sign({ userId: 7, credentialsChangedAt: 1 });
  expect(tokens.verify(token)).toMatchObject({ userId: 7 });
  vi.advanceTimersByTime((ACCESS_TOKEN_SECONDS - 2) * 1000);
  expect(tokens.verify(token)).toMatchObject({ userId: 7 });
  vi.advanceTimersByTime(3000);
  expect(tokens.verify(token)).toBeUndefined();
});

test('a token that differs from a verified one in a character is refused', () => {
  const tokens = accessTokens(JWT_KEY);
  const token = tokens.sign({ userId: 7, credentialsChangedAt: 1 });
  expect(tokens.verify(token)).toBeDefined();
  const middle = Math.floor(token.length / 2);
  const changed = token[middle] === 'A' ? 'B' : 'A';
  expect(tokens.verify(token.slice(0, middle) + changed + token.slice(middle + 1))).toBeUndefined();
});

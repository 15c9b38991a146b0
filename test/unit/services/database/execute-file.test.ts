import { describe, expect, it } from 'vitest';
import { executionError } from '../../../../src/services/database/execute-file.js';

describe('executionError', () => {
  it('names the line of the file and what became of the rest', () => {
    const stderr = `psql:<stdin>:3: ERROR:  relation "nope" does not exist\nLINE 1: SELECT * FROM nope\n`;
    const error = executionError('/x/a.sql', stderr, true);
    expect(error).toMatchObject({ code: 'SQL_FAILED', file: '/x/a.sql', line: 3 });
    expect(error.message).toBe(
      'ERROR:  relation "nope" does not exist\nLINE 1: SELECT * FROM nope\nnothing of the file was applied',
    );
    expect(executionError('/x/a.sql', stderr, false).message).toContain(
      'the statements before it were applied',
    );
  });

  it('does without a line where psql names none', () => {
    expect(executionError('/x/a.sql', 'psql: error: connection refused', true).line).toBeUndefined();
  });
});

import { describe, expect, it } from 'vitest';
import { render } from '../../../src/template/render.js';

describe('render', () => {
  it('puts options in place of their names', () => {
    expect(render('{{name}}-api on {{port}}, {{name}}', { name: 'shop', port: '5003' })).toBe(
      'shop-api on 5003, shop',
    );
  });

  it("leaves Compose's and Go's own syntax alone", () => {
    const text = `$\{HOME} $\{A:-b} $$c {{.Names}} {{ json . }} {a} {{}}`;
    expect(render(text, {})).toBe(text);
  });

  it('does not read a value as a pattern or a template', () => {
    expect(render('{{a}}', { a: '$& $1 {{a}}' })).toBe('$& $1 {{a}}');
  });

  it('refuses a placeholder that no option gives', () => {
    expect(() => render('{{naem}}', { name: 'shop' })).toThrow('{{naem}}');
  });
});

import { assert, property, string } from 'fast-check';
import { expect, it } from 'vitest';
import { html, markup, type Html } from './html.ts';

it('escapes text and takes only its own markup as it is', () => {
  const inner = html`<b>${'<i>'}</b>`;
  expect(markup(html`<p title="${'"\'`'}">${inner}${['&', inner]}${7}${undefined}${false}</p>`)).toBe(
    '<p title="&quot;&#39;&#96;"><b>&lt;i&gt;</b>&amp;<b>&lt;i&gt;</b>7</p>',
  );
});

it('leaves no text that ends an element or an attribute, nor one that hides or turns what follows', () => {
  assert(
    property(string({ unit: 'binary' }), (text) => {
      const shown = markup(html`${text}`);
      expect(shown).not.toMatch(/[<>"'`]|&(?!(?:amp|lt|gt|quot|#39|#96);)/);
    }),
  );
  expect(markup(html`${'a\u202eb\u2028c\u0000d\u001b[31m\u0085e\tf\ng'}`)).toBe(
    'a\ufffdb\ufffdc\ufffdd\ufffd[31m\ufffde\tf\ng',
  );
});

it('does not take an object that looks like markup, as JSON might have one', () => {
  const forged = JSON.parse('{"html":"<script>","Symbol(html)":"<script>"}') as Html;
  expect(() => markup(html`${forged}`)).toThrow(TypeError);
});

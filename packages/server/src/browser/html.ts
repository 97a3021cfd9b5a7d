/**
 * HTML as a value: the `html` tag escapes whatever is put into it, and takes as markup only what it made itself.
 * For element content and quoted attribute values; never inside `<script>`, `<style>` or an unquoted attribute, and an
 * `href` is only as good as the URL in it.
 */

const MADE: unique symbol = Symbol('html');

/** Markup. Only {@link html} makes it. */
export interface Html {
  readonly [MADE]: string;
}

/** What may stand in a template. Arrays are joined without a gap; undefined and false are nothing. */
export type HtmlPart = Html | string | number | false | undefined | readonly HtmlPart[];

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
};

/**
 * Controls, and characters that turn or break a line, become a visible mark: a name that comes from outside must look
 * like what it is.
 */
const CONTROLS = /[^\P{Cc}\t\n]|[\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;

function escape(text: string): string {
  return text.replace(CONTROLS, '\ufffd').replace(/[&<>"'`]/g, (sign) => ESCAPES[sign] as string);
}

function render(part: HtmlPart): string {
  if (part === undefined || part === false) return '';
  if (typeof part === 'string' || typeof part === 'number') return escape(String(part));
  return MADE in part ? part[MADE] : part.map(render).join('');
}

export function html(strings: TemplateStringsArray, ...parts: readonly HtmlPart[]): Html {
  const text = strings.reduce((before, string, at) => before + render(parts[at - 1]) + string);
  return { [MADE]: text };
}

/** The markup as text. */
export function markup(made: Html): string {
  return made[MADE];
}

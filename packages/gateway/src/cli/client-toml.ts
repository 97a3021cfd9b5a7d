/**
 * One table of a TOML file, put at its end or taken out by its lines; no other line is touched. Whether that is right is for
 * the caller to see: lines inside of a text of several lines may look like tables.
 */
import type { Entry } from '../clients/index.ts';

export function changeToml(text: string, root: readonly string[], name: string, entry: Entry | undefined): string {
  const without = withoutTable(text, root, name);
  if (entry === undefined) return without;
  const head = [...root, name].map(keyText).join('.');
  const lines = Object.entries(entry).map(([key, value]) => `${keyText(key)} = ${valueText(value)}`);
  const gap = without === '' || without.endsWith('\n\n') ? '' : without.endsWith('\n') ? '\n' : '\n\n';
  return `${without}${gap}[${head}]\n${lines.join('\n')}\n`;
}

/** From its header to the next one of another table; comments above that one are its own. */
function withoutTable(text: string, root: readonly string[], name: string): string {
  const lines = text.split('\n');
  const keys = [...root, name].map((key) => `(?:${escape(key)}|"${escape(key)}"|'${escape(key)}')`);
  const own = new RegExp(String.raw`^\s*\[\s*${keys.join(String.raw`\s*\.\s*`)}\s*[\].]`);
  const keep: string[] = [];
  let from = 0;
  for (let start = lines.findIndex((line) => own.test(line)); start !== -1;) {
    const end = endOf(lines, start);
    keep.push(...lines.slice(from, start));
    // The blank line that separated it goes with it.
    if (keep.at(-1) === '' && (lines[end] ?? '') === '') keep.pop();
    from = end;
    start = lines.findIndex((line, index) => index >= end && own.test(line));
  }
  return [...keep, ...lines.slice(from)].join('\n');
}

function endOf(lines: readonly string[], start: number): number {
  const next = lines.findIndex((line, index) => index > start && /^\s*\[/.test(line));
  let end = next === -1 ? lines.length : next;
  while (end > start + 1 && /^\s*(?:#.*)?$/.test(lines[end - 1] ?? '')) end -= 1;
  return end;
}

function keyText(key: string): string {
  return /^[A-Za-z0-9_-]+$/.test(key) ? key : JSON.stringify(key);
}

function valueText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(valueText).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).map(([key, inner]) => `${keyText(key)} = ${valueText(inner)}`);
    return `{ ${members.join(', ')} }`;
  }
  // JSON's escapes are TOML's too; DEL is the one character that only TOML wants escaped.
  return JSON.stringify(value).replaceAll('\u007f', '\\u007f');
}

function escape(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9_]/g, String.raw`\$&`);
}

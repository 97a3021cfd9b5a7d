/** Small edits of a Markdown text that leave every other byte as it is, its line ends included. */
import { SpecError } from '../errors.ts';
import { type Heading, itemsIn, outlineOf, sectionOf } from './markdown.ts';

const eolOf = (text: string): string => (text.includes('\r\n') ? '\r\n' : '\n');

/** Puts lines after line `after` (0: at the top). */
export function insertLines(text: string, after: number, lines: readonly string[]): string {
  const eol = eolOf(text);
  const all = text.split(eol);
  all.splice(after, 0, ...lines);
  return all.join(eol);
}

/** Puts lines at the end, with one line break after them. */
export function appendLines(text: string, lines: readonly string[]): string {
  const eol = eolOf(text);
  const whole = text.endsWith(eol) ? text : text + eol;
  return `${whole}${lines.join(eol)}${eol}`;
}

/** Replaces the lines from `from` to `to`, both included. */
export function replaceLines(text: string, from: number, to: number, lines: readonly string[]): string {
  const eol = eolOf(text);
  const all = text.split(eol);
  all.splice(from - 1, to - from + 1, ...lines);
  return all.join(eol);
}

/** Replaces one passage, which must stand in the text exactly once. */
export function replaceOnce(text: string, find: string, replacement: string): string {
  const first = find === '' ? -1 : text.indexOf(find);
  if (first === -1)
    throw new SpecError('not_found', `The text ${JSON.stringify(find.slice(0, 80))} does not stand there.`);
  if (text.indexOf(find, first + 1) !== -1) {
    throw new SpecError(
      'conflict',
      `The text ${JSON.stringify(find.slice(0, 80))} stands there more than once. Give more of it.`,
    );
  }
  return text.slice(0, first) + replacement + text.slice(first + find.length);
}

/** The last line of a section that is not blank and no rule. */
function lastLine(text: string, section: Heading): number {
  const { lines } = outlineOf(text);
  for (let number = section.end; number > section.line; number -= 1) {
    const line = lines[number - 1]?.text.trim() ?? '';
    if (line !== '' && line !== '---') return number;
  }
  return section.line;
}

/** Adds a bullet below the last one of a section. */
export function addBullet(text: string, key: string, bullet: string): string {
  const outline = outlineOf(text);
  const section = sectionOf(outline, key);
  if (section === undefined) throw new SpecError('not_found', `There is no section "${key}". Add it first.`);
  const items = itemsIn(outline, section.line, section.end);
  const flat = bullet.replaceAll(/\s*\r?\n\s*/g, ' ').trim();
  const after = lastLine(text, section);
  return insertLines(text, after, items.length === 0 && after === section.line ? ['', `- ${flat}`] : [`- ${flat}`]);
}

/** Texts of strangers in one line of ours. */

const UNSEEN = /[\p{C}\p{Zl}\p{Zp}]+|\p{Default_Ignorable_Code_Point}/gu;

/** One line of at most so many characters, without what cannot be seen, cut between characters. */
export function oneLine(text: string, maxLength: number): string {
  const line = text
    .slice(0, maxLength * 4)
    .replaceAll(UNSEEN, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim();
  if (line.length <= maxLength) return line;
  return `${line
    .slice(0, maxLength - 1)
    .replace(/[\ud800-\udbff]$/, '')
    .trimEnd()}…`;
}

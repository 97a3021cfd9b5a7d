/** Bar charts as SVG, made of nothing but text and rectangles; light and dark alike. */

export interface Bar {
  readonly label: string;
  readonly value: number;
  /** What stands behind the bar. */
  readonly text: string;
  readonly isOurs: boolean;
}

export interface Panel {
  readonly title: string;
  readonly bars: readonly Bar[];
}

const WIDTH = 760;
const LABEL_WIDTH = 110;
const TEXT_WIDTH = 110;
const BAR_HEIGHT = 20;
const GAP = 6;
const TITLE_HEIGHT = 34;
const MARGIN = 12;

export function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

function bar({ label, value, text, isOurs }: Bar, top: number, longest: number): string {
  const room = WIDTH - 2 * MARGIN - LABEL_WIDTH - TEXT_WIDTH;
  const width = longest <= 0 ? 0 : Math.max(1, Math.round((Math.max(0, value) / longest) * room));
  const middle = top + BAR_HEIGHT / 2 + 4;
  const start = MARGIN + LABEL_WIDTH;
  return [
    `<text x="${start - 8}" y="${middle}" text-anchor="end">${escapeXml(label)}</text>`,
    `<rect x="${start}" y="${top}" width="${width}" height="${BAR_HEIGHT}" rx="2" fill="${isOurs ? '#0f766e' : '#94a3b8'}"/>`,
    `<text x="${start + width + 8}" y="${middle}">${escapeXml(text)}</text>`,
  ].join('\n');
}

/** One panel below the other. The bars of a panel begin at zero and share a scale. */
export function barChart(panels: readonly Panel[]): string {
  const body: string[] = [];
  let top = MARGIN;
  for (const { title, bars } of panels) {
    body.push(`<text x="${MARGIN}" y="${top + 18}" font-weight="600">${escapeXml(title)}</text>`);
    top += TITLE_HEIGHT;
    const longest = Math.max(0, ...bars.map((each) => each.value));
    for (const each of bars) {
      body.push(bar(each, top, longest));
      top += BAR_HEIGHT + GAP;
    }
    top += MARGIN;
  }
  const style =
    'text{font:13px system-ui,sans-serif;fill:#1e293b}@media(prefers-color-scheme:dark){text{fill:#e2e8f0}}';
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${top}" width="${WIDTH}" height="${top}" role="img">`,
    `<title>${escapeXml(panels.map((each) => each.title).join('; '))}</title>`,
    `<style>${style}</style>`,
    ...body,
    '</svg>',
    '',
  ].join('\n');
}

import { describe, expect, it } from 'vitest';
import { barChart, escapeXml } from './chart.ts';

const bars = [
  { label: 'splice', value: 40, text: '40 µs', isOurs: false },
  { label: 'a<b & "c"', value: 80, text: '80 µs', isOurs: true },
];

function widths(svg: string): number[] {
  return [...svg.matchAll(/<rect [^>]*width="(\d+)"/g)].map((found) => Number(found[1]));
}

describe('barChart', () => {
  it('draws bars from zero, in proportion', () => {
    const [half = 0, whole = 0] = widths(barChart([{ title: 'CPU', bars }]));
    expect(whole).toBe(half * 2);
  });

  it('gives every panel a scale of its own', () => {
    const small = bars.map((each) => ({ ...each, value: each.value / 1000 }));
    const [a, b, c, d] = widths(
      barChart([
        { title: 'CPU', bars },
        { title: 'CPU', bars: small },
      ]),
    );
    expect([c, d]).toEqual([a, b]);
  });

  it('escapes what it is told', () => {
    expect(barChart([{ title: '1 < 2', bars }])).toContain('a&lt;b &amp; &quot;c&quot;');
    expect(escapeXml('<>&"')).toBe('&lt;&gt;&amp;&quot;');
  });

  it('is as high as its last bar needs', () => {
    const svg = barChart([{ title: 'CPU', bars }]);
    const height = Number(/viewBox="0 0 760 (\d+)"/.exec(svg)?.[1]);
    const lowest = Math.max(...[...svg.matchAll(/<rect x="\d+" y="(\d+)"/g)].map((found) => Number(found[1]) + 20));
    expect(height).toBeGreaterThan(lowest);
  });

  it('draws nothing, and is still an image, without bars', () => {
    expect(widths(barChart([]))).toEqual([]);
    expect(barChart([])).toMatch(/^<svg .*<\/svg>\n$/s);
  });
});
